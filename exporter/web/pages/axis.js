/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside the map: where kinds of ports and the range begin, and round numbers between. */
import { byId, element } from "./dom.js";
import { ALL, isIn, rowOf } from "./grid.js";
import { ZONES } from "./picture.js";

const LABEL_HEIGHT = 15;
/* Round numbers are no closer to each other. */
const SPACING = 28;

/* The least of 1, 2, 5, 10, 20... that is at least number. */
function roundUp(number) {
	const power = 10 ** Math.floor(Math.log10(Math.max(1, number)));
	return [1, 2, 5, 10].find((digit) => digit * power >= number) * power;
}

/* Labels that would overlap make room: first downwards, then up again from the end. */
function spread(labels, height) {
	let floor = -LABEL_HEIGHT / 2;
	for (const label of labels) {
		label.y = Math.max(label.y, floor);
		floor = label.y + LABEL_HEIGHT;
	}
	let ceiling = height - LABEL_HEIGHT / 2;
	for (const label of labels.toReversed()) {
		label.y = Math.min(label.y, ceiling);
		ceiling = label.y - LABEL_HEIGHT;
	}
}

/* Where there is room for them. */
function roundNumbers(grid, at, height, taken) {
	const step = roundUp(SPACING * (grid.last - grid.first) / height);
	const found = [];
	for (let port = Math.ceil(grid.first / step) * step; port <= grid.last; port += step) {
		if (taken.every(({ y }) => Math.abs(y - at(port)) >= LABEL_HEIGHT)) {
			found.push({ port, name: "", kind: "round", y: at(port) });
		}
	}
	return found;
}

/* height: of the map, in CSS pixels. range: as in the API's answer. */
export function showAxis(grid, height, { first_port: first, last_port: last }) {
	const at = (port) => (rowOf(grid, port) + 0.5) / grid.rows * height - LABEL_HEIGHT / 2;
	const labels = [
		...ZONES.filter(([port]) => port !== first && port !== last).map(([port, name]) => ({ port, name, kind: "zone" })),
		{ port: first, name: "range from", kind: "range" },
		...last > first ? [{ port: last, name: "to", kind: "range" }] : [],
	].filter(({ port }) => isIn(grid, port)).sort((one, other) => one.port - other.port)
		.map((label) => ({ ...label, y: at(label.port) }));
	spread(labels, height);
	/* All 65,536 have labels enough. */
	const isWhole = grid.first === ALL.first && grid.last === ALL.last;
	const more = isWhole ? [] : roundNumbers(grid, at, height, labels);
	byId("axis").replaceChildren(...[...labels, ...more].sort((one, other) => one.port - other.port)
		.map(({ port, name, kind, y }) => {
			const line = element("span", { class: kind }, ...name === "" ? [] : [element("i", {}, `${name} `)], `${port}`);
			line.style.setProperty("top", `${y}px`);
			return line;
		}));
}
