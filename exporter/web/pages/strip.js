/* SPDX-License-Identifier: Apache-2.0 */
/* The last 15 minutes as a picture: a line for each of the fullest destinations, a tick where calls failed. */
import { endpoint } from "./answer.js";
import { byId, element, percent, plural, setText } from "./dom.js";
import { isGap, pointsOf } from "./history.js";
import { timeOf } from "./times.js";

const LINES = 5;
/* Who never had as much does not matter. */
const LEAST = 0.01;
/* The picture's own measures: a unit a second, and where 100 % and 0 % are. */
const [HEIGHT, FULL_AT, EMPTY_AT] = [100, 12, 98];
const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes) {
	const made = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes)) {
		made.setAttribute(key, String(value));
	}
	return made;
}

const height = (ratio) => EMPTY_AT - Math.min(1, ratio) * (EMPTY_AT - FULL_AT);

/* Nothing joins two samples across a gap; a sample between two gaps is a dot. */
function path(points, at) {
	return points.map((point, i) => {
		if (point.ratio === null) {
			return "";
		}
		const before = points[i - 1];
		const goesOn = before !== undefined && before.ratio !== null && !isGap(before, point);
		return `${goesOn ? "L" : "M"}${at(point.time)} ${height(point.ratio).toFixed(1)}${goesOn ? "" : "h.01"}`;
	}).join("");
}

function fullest(history) {
	return history.destinations.map((destination) => {
		const points = pointsOf(history, destination);
		return { destination, points, most: Math.max(...points.map(({ ratio }) => ratio ?? 0)) };
	}).filter(({ most }) => most >= LEAST).sort((one, other) => other.most - one.most).slice(0, LINES);
}

/* The samples at which more calls had failed than before. */
const rises = ({ samples }) => samples.filter(({ failures }, i) => failures > samples[i - 1]?.failures);

function draw(history, lines) {
	const at = (time) => (history.seconds - (history.now_ms - time) / 1000).toFixed(1);
	const level = (ratio, name) => shape("line", { class: `level ${name}`, x1: 0, x2: history.seconds,
		y1: height(ratio), y2: height(ratio) });
	const picture = byId("strip");
	picture.setAttribute("viewBox", `0 0 ${history.seconds} ${HEIGHT}`);
	picture.replaceChildren(level(0.5, "half"), level(1, "full"),
		...lines.map(({ points }, i) => shape("path", { class: `series series-${i}`, d: path(points, at) })).reverse(),
		...rises(history).map(({ time_ms: time }) => shape("line", { class: "failure", x1: at(time), x2: at(time),
			y1: 0, y2: FULL_AT - 3 })));
}

function lineWords({ destination: { source, destination, destination_port: port }, points, most }, lines) {
	const now = points.at(-1).ratio;
	const same = lines.filter(({ destination: other }) => other.destination === destination
		&& other.destination_port === port).length;
	return `${endpoint(destination, port)}${same > 1 ? ` from ${source}` : ""}: `
		+ `${now === null ? "not known" : percent(now)} now${now === most ? "" : `, at most ${percent(Math.min(1, most))}`}`;
}

function swatch(i) {
	const made = shape("svg", { class: "swatch", viewBox: "0 0 24 8", "aria-hidden": "true" });
	made.append(shape("path", { class: `series series-${i}`, d: "M1 4H23" }));
	return made;
}

function failureWords(history) {
	const counted = history.samples.map(({ failures }) => failures).filter((failures) => failures !== undefined);
	if (counted.length === 0) {
		return "Without --collector.exhaustion nobody counts failed calls.";
	}
	const last = rises(history).at(-1);
	return last === undefined ? "No call failed for lack of a port." : `${
		plural(counted.at(-1) - counted[0], "call", "calls")} failed for lack of a port, the last before ${timeOf(last.time_ms)}.`;
}

/* history: an answer of HISTORY_PATH, or null if it is of another network namespace. */
export function showStrip(history) {
	byId("history").hidden = history === null;
	if (history === null) {
		return;
	}
	const lines = fullest(history);
	draw(history, lines);
	byId("history-lines").replaceChildren(...lines.map((line, i) =>
		element("li", {}, swatch(i), lineWords(line, lines))));
	const points = history.samples.map(({ time_ms: time }) => ({ time }));
	const gaps = points.slice(1).some((point, i) => isGap(points[i], point));
	setText(byId("history-words"), `${failureWords(history)}${lines.length === 0
		? ` No destination had ${percent(LEAST)} of its ports.` : ""}${gaps
		? " Where a line stops, nobody looked." : ""}`);
}
