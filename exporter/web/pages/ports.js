/* SPDX-License-Identifier: Apache-2.0 */
/* What the exporter says of all ports, made ready to be drawn, counted and said. */
import { PORTS, nameOf } from "./uses.js";

/*
 * An answer of api/v1/ports as {range, uses: of each port, waits: seconds of each port, marked: "x" for
 * each port of the filter, undefined without one, came: when}.
 */
export function readPorts({ range, legend, ports, marked, time_wait_seconds: seconds }) {
	const uses = Array.from(ports, (letter) => legend[letter] ?? letter);
	const waits = new Uint16Array(PORTS);
	let next = 0;
	for (let port = 0; port < PORTS; port++) {
		if (uses[port] === "time_wait") {
			waits[port] = seconds[next++];
		}
	}
	return { range, uses, waits, marked, came: performance.now() };
}

/* Whether the port is of the uses that are chosen, all if none is, and of the filter. */
export const standsOut = ({ uses, marked }, only, port) =>
	(only.size === 0 || only.has(uses[port])) && (marked === undefined || marked[port] === "x");

/* How many of the ports from first to last have each use. */
export function countUses({ uses }, { first, last }) {
	const counts = {};
	for (let port = first; port <= last; port++) {
		counts[uses[port]] = (counts[uses[port]] ?? 0) + 1;
	}
	return counts;
}

/* "outbound", or "TIME_WAIT, back in 41 s": now, not when the answer came. */
export function wordsOf({ uses, waits, came }, port) {
	if (uses[port] !== "time_wait") {
		return nameOf(uses[port]);
	}
	const left = waits[port] - Math.floor((performance.now() - came) / 1000);
	return `${nameOf("time_wait")}, ${left > 0 ? `back in ${left} s` : "due back"}`;
}
