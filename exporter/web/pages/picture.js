/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paints ports as cells, 256 to a row. Each use has a colour and a shape of its own, which shows
 * from three pixels a cell on; below that the lens and the table tell what colour alone would.
 */
import { COLUMNS, PORTS, USES } from "./uses.js";

/* IANA's boundaries, each the first port of its kind. All begin a row. */
export const ZONES = [[0, "system"], [1024, "registered"], [49152, "dynamic"]];

/* Shapes on a grid of 3 x 3, as rectangles: column, row, columns, rows. */
const SHAPES = {
	outbound: [[0, 0, 2, 2]],
	time_wait: [[0, 0, 1, 1], [0, 1, 2, 1], [0, 2, 3, 1]],
	listener: [[0, 0, 3, 3]],
	bound: [[0, 0, 3, 1], [0, 1, 1, 1], [2, 1, 1, 1], [0, 2, 3, 1]],
	reserved: [[0, 1, 3, 1]],
};
const SMALLEST_WITH_SHAPE = 3;

/* Canvas takes no var(): the scheme's colours are read from the style sheet. */
export function readColours() {
	const style = getComputedStyle(document.documentElement);
	const names = [...Object.keys(USES), "in-range", "outline", "zone", "ink"];
	return Object.fromEntries(names.map((name) =>
		[name, style.getPropertyValue(`--${name.replace("_", "-")}`).trim()]));
}

/* Fits the canvas to whole device pixels. Returns the size of a cell in those. */
export function fit(canvas, width, columns, rows) {
	const ratio = window.devicePixelRatio || 1;
	const cell = Math.max(1, Math.floor(width * ratio / columns));
	/* Setting a canvas's size empties it. */
	if (canvas.width !== cell * columns || canvas.height !== cell * rows) {
		canvas.width = cell * columns;
		canvas.height = cell * rows;
	}
	canvas.style.setProperty("width", `${cell * columns / ratio}px`);
	canvas.style.setProperty("height", `${cell * rows / ratio}px`);
	return cell;
}

export function paintCell(context, use, colour, x, y, cell) {
	context.fillStyle = colour;
	if (cell < SMALLEST_WITH_SHAPE) {
		context.fillRect(x, y, cell, cell);
		return;
	}
	/* A big cell has air around it; a small one cannot afford it. */
	const gap = cell >= 9 ? Math.round(cell / 9) : 0;
	const at = (step) => gap + Math.round(step * (cell - 2 * gap) / 3);
	if (use === "time_wait" && gap > 0) {
		/* Where there is room the steps become the slope that they mean. */
		context.beginPath();
		context.moveTo(x + at(0), y + at(0));
		context.lineTo(x + at(3), y + at(3));
		context.lineTo(x + at(0), y + at(3));
		context.fill();
		return;
	}
	for (const [column, row, columns, rows] of SHAPES[use] ?? []) {
		context.fillRect(x + at(column), y + at(row), at(column + columns) - at(column),
			at(row + rows) - at(row));
	}
}

function rangePath(range, cell) {
	const [left, top] = [range.first_port % COLUMNS, Math.floor(range.first_port / COLUMNS)];
	const [right, bottom] = [range.last_port % COLUMNS + 1, Math.floor(range.last_port / COLUMNS)];
	const corners = top === bottom
		? [[left, top], [right, top], [right, top + 1], [left, top + 1]]
		: [[left, top], [COLUMNS, top], [COLUMNS, bottom], [right, bottom],
			[right, bottom + 1], [0, bottom + 1], [0, top + 1], [left, top + 1]];
	const path = new Path2D();
	for (const [column, row] of corners) {
		path.lineTo(column * cell, row * cell);
	}
	path.closePath();
	return path;
}

/*
 * view: column, row, columns, rows (which ports are seen), cell.
 * uses: of each port, by the API's names. range: as in the API's answer.
 * only: a set of uses to stand out; empty for all. marked: of each port, "x" if it is to stand out;
 * undefined for all.
 */
export function paint(context, view, { uses, range, marked }, colours, only) {
	const standsOut = (port) => (only.size === 0 || only.has(uses[port])) && (marked === undefined || marked[port] === "x");
	const { cell } = view;
	context.setTransform(1, 0, 0, 1, 0, 0);
	context.fillStyle = colours.free;
	context.fillRect(0, 0, view.columns * cell, view.rows * cell);
	context.translate(-view.column * cell, -view.row * cell);
	const outline = rangePath(range, cell);
	context.fillStyle = colours["in-range"];
	context.fill(outline);

	for (let row = view.row; row < view.row + view.rows; row++) {
		for (let column = view.column; column < view.column + view.columns; column++) {
			const use = uses[row * COLUMNS + column];
			if (use === "free") {
				continue;
			}
			context.globalAlpha = standsOut(row * COLUMNS + column) ? 1 : 0.15;
			paintCell(context, use, colours[use] ?? colours.ink, column * cell, row * cell, cell);
		}
	}
	context.globalAlpha = 1;
	if (only.size > 0 || marked !== undefined) {
		ring(context, uses, view, colours.ink, standsOut);
	}

	const thin = Math.max(1, Math.round(window.devicePixelRatio || 1));
	context.strokeStyle = colours.zone;
	context.lineWidth = thin;
	context.setLineDash([4 * thin, 3 * thin]);
	for (const [first] of ZONES.slice(1)) {
		const y = first / COLUMNS * cell;
		context.beginPath();
		context.moveTo(0, y);
		context.lineTo(COLUMNS * cell, y);
		context.stroke();
	}
	context.setLineDash([]);
	context.strokeStyle = colours.outline;
	context.lineWidth = 2 * thin;
	context.stroke(outline);
}

/* A few ports that stand out by colour alone would be overlooked; many need no ring. */
const FEW = 300;

function ring(context, uses, view, colour, standsOut) {
	const chosen = [];
	for (let port = 0; port < PORTS && chosen.length <= FEW; port++) {
		if (uses[port] !== "free" && standsOut(port)) {
			chosen.push(port);
		}
	}
	if (chosen.length > FEW || view.columns < COLUMNS) {
		return;
	}
	context.strokeStyle = colour;
	context.lineWidth = Math.max(1, Math.round(window.devicePixelRatio || 1));
	for (const port of chosen) {
		const [x, y] = centre(port, view.cell);
		context.beginPath();
		context.arc(x, y, 2 * view.cell, 0, 2 * Math.PI);
		context.stroke();
	}
}

export const centre = (port, cell) =>
	[(port % COLUMNS + 0.5) * cell, (Math.floor(port / COLUMNS) + 0.5) * cell];

/* Marks one port: a box around it with a halo, seen on every colour. */
export function frame(context, port, view, colours, dashed) {
	const { cell } = view;
	const [x, y] = centre(port, cell);
	const half = Math.max(cell / 2 + 2, 4);
	context.setTransform(1, 0, 0, 1, -view.column * cell, -view.row * cell);
	for (const [colour, width] of [[colours.free, 4], [colours.ink, 2]]) {
		context.strokeStyle = colour;
		context.lineWidth = width * Math.max(1, Math.round(window.devicePixelRatio || 1)) / 1.5;
		context.setLineDash(dashed && colour === colours.ink ? [3, 3] : []);
		context.strokeRect(x - half, y - half, 2 * half, 2 * half);
	}
	context.setLineDash([]);
}
