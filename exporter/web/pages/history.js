/* SPDX-License-Identifier: Apache-2.0 */
/* What the last 15 minutes say of a destination: its line, since when it is so full, its trend. */

/* It is of the exporter's own network namespace alone. */
export const HISTORY_PATH = "api/v1/history";

/* So many destinations a sample has at most: HISTORY_DESTINATIONS. */
const LISTED = 8;
/* Samples that are farther apart say nothing of the time between them. */
const GAP_MS = 20000;
const TREND_MS = 60000;
/* A burst is no trend. */
const SHORTEST_TREND_MS = 15000;

export const isGap = (one, next) => next.time - one.time > GAP_MS;

/* Of each sample: {time, used, ratio}. The last two are null if others were fuller. */
export function pointsOf({ destinations, samples }, { source, destination, destination_port: port }) {
	const id = destinations.find((known) => known.destination_port === port && known.destination === destination
		&& known.source === source)?.id;
	return samples.map(({ time_ms: time, usable_ports: usable, ports }) => {
		const found = ports.find(([name]) => name === id);
		const used = found?.[1] ?? (ports.length < LISTED ? 0 : null);
		return { time, used, ratio: used === null || usable > 0 ? used && used / usable : 1 };
	});
}

/*
 * Since when all samples have at least that ratio: {time, index: of its sample, isBeginning: the one
 * before has less, hasGaps: nobody knows of all the time since}. null: the last one has less.
 */
export function since(points, ratio) {
	const index = points.findLastIndex((point) => point.ratio === null || point.ratio < ratio) + 1;
	if (index === points.length) {
		return null;
	}
	const before = points[index - 1];
	return { time: points[index].time, index,
		isBeginning: before !== undefined && before.ratio !== null && !isGap(before, points[index]),
		hasGaps: points.slice(index + 1).some((point, i) => isGap(points[index + i], point)) };
}

/* Ports a second, in the last minute; null if not known. */
export function trend(points) {
	const last = points.at(-1);
	let first = points.length - 1;
	while (first > 0 && points[first - 1].used !== null && !isGap(points[first - 1], points[first])
		&& last.time - points[first - 1].time <= TREND_MS) {
		first--;
	}
	if (!last || last.used === null || last.time - points[first].time < SHORTEST_TREND_MS) {
		return null;
	}
	return (last.used - points[first].used) / (last.time - points[first].time) * 1000;
}

/* How many calls failed after that sample; null if nobody counts them. */
export function failedSince({ samples }, index) {
	const [first, last] = [samples[index]?.failures, samples.at(-1)?.failures];
	return first === undefined || last === undefined ? null : last - first;
}
