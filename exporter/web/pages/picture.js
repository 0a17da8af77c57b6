/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paints ports as cells. Each use has a colour and a shape of its own, which shows from three pixels
 * a cell on; below that the lens and the table tell what colour alone would.
 */
import { columnOf, rowOf } from "./grid.js";
import { LARGE, paintCell } from "./shapes.js";
import { standsOut } from "./ports.js";
import { paintPorts } from "./stamps.js";
import { USES, WAITS } from "./uses.js";

/* IANA's boundaries, each the first port of its kind. */
export const ZONES = [[0, "system"], [1024, "registered"], [49152, "dynamic"]];

/* Canvas takes no var(): the scheme's colours are read from the style sheet. */
export function readColours() {
	const style = getComputedStyle(document.documentElement);
	const read = (name) => style.getPropertyValue(`--${name.replace("_", "-")}`).trim();
	const names = [...Object.keys(USES), "in-range", "outline", "zone", "ink"];
	return { ...Object.fromEntries(names.map((name) => [name, read(name)])),
		waits: WAITS.map((_, step) => read(`time-wait-${step}`)) };
}

const pixelRatio = () => window.devicePixelRatio || 1;

/* Of a canvas that is painted pixel by pixel. */
export const contextOf = (canvas) => canvas.getContext("2d", { willReadFrequently: true });

/* Makes a canvas of so many cells, each of whole device pixels. */
export function fit(canvas, cell, columns, rows) {
	const ratio = pixelRatio();
	/* Setting a canvas's size empties it. */
	if (canvas.width !== cell * columns || canvas.height !== cell * rows) {
		canvas.width = cell * columns;
		canvas.height = cell * rows;
	}
	canvas.style.setProperty("width", `${cell * columns / ratio}px`);
	canvas.style.setProperty("height", `${cell * rows / ratio}px`);
}

/* The largest cell of which so many fit in width. */
export const cellOf = (width, columns) => Math.max(1, Math.floor(width * pixelRatio() / columns));

const SWATCH = 14;

/* One cell, for the legend. */
export function paintSwatch(canvas, use, colour, ground) {
	const cell = cellOf(SWATCH, 1);
	fit(canvas, cell, 1, 1);
	const context = canvas.getContext("2d");
	context.fillStyle = ground;
	context.fillRect(0, 0, cell, cell);
	if (use !== "free") {
		paintCell(context, use, colour, 0, 0, cell);
	}
}

/* Around the ports from first to last, which are in the grid. */
function areaPath(grid, first, last, cell) {
	const [left, top] = [columnOf(grid, first), rowOf(grid, first)];
	const [right, bottom] = [columnOf(grid, last) + 1, rowOf(grid, last)];
	const corners = top === bottom
		? [[left, top], [right, top], [right, top + 1], [left, top + 1]]
		: [[left, top], [grid.columns, top], [grid.columns, bottom], [right, bottom],
			[right, bottom + 1], [0, bottom + 1], [0, top + 1], [left, top + 1]];
	const path = new Path2D();
	for (const [column, row] of corners) {
		path.lineTo(column * cell, row * cell);
	}
	path.closePath();
	return path;
}

/* A dashed line before each first port of a kind, with a step where it is not the first of a row. */
function paintZones(context, grid, cell, colour, thin) {
	context.strokeStyle = colour;
	context.lineWidth = thin;
	context.setLineDash([4 * thin, 3 * thin]);
	for (const [port] of ZONES.filter(([first]) => first > grid.first && first <= grid.last)) {
		const [x, y] = [columnOf(grid, port) * cell, rowOf(grid, port) * cell];
		context.beginPath();
		if (x > 0) {
			context.moveTo(0, y + cell);
			context.lineTo(x, y + cell);
		}
		context.lineTo(x, y);
		context.lineTo(grid.columns * cell, y);
		context.stroke();
	}
	context.setLineDash([]);
}

/*
 * view: grid; column, row, columns, rows: which part of it is seen; cell.
 * data: uses, waits and marked of each port (ports.js), range as in the API's answer.
 * only: a set of uses to stand out; empty for all.
 */
export function paint(context, view, data, colours, only) {
	const { grid, cell } = view;
	/* The grid has all of the range. */
	const outline = areaPath(grid, data.range.first_port, data.range.last_port, cell);
	paintPorts(context, view, data, colours, only);
	context.setTransform(1, 0, 0, 1, -view.column * cell, -view.row * cell);
	if (only.size > 0 || data.marked !== undefined) {
		ring(context, data, view, colours.ink, only);
	}

	const thin = Math.max(1, Math.round(pixelRatio()));
	paintZones(context, grid, cell, colours.zone, thin);
	context.strokeStyle = colours.outline;
	context.lineWidth = 2 * thin;
	context.stroke(outline);
}

/* A few ports that stand out by colour alone would be overlooked; many need no ring. */
const FEW = 300;

function ring(context, data, view, colour, only) {
	const { grid, cell } = view;
	const chosen = [];
	for (let port = grid.first; port <= grid.last && chosen.length <= FEW; port++) {
		if (data.uses[port] !== "free" && standsOut(data, only, port)) {
			chosen.push(port);
		}
	}
	if (chosen.length > FEW || view.columns < grid.columns || cell >= LARGE) {
		return;
	}
	context.strokeStyle = colour;
	context.lineWidth = Math.max(1, Math.round(pixelRatio()));
	for (const port of chosen) {
		const [x, y] = centre(grid, port, cell);
		context.beginPath();
		context.arc(x, y, 2 * cell, 0, 2 * Math.PI);
		context.stroke();
	}
}

const centre = (grid, port, cell) => [(columnOf(grid, port) + 0.5) * cell, (rowOf(grid, port) + 0.5) * cell];

/* Marks one port: a box around it with a halo, seen on every colour. */
export function frame(context, port, view, colours, dashed) {
	const { grid, cell } = view;
	const [x, y] = centre(grid, port, cell);
	const half = Math.max(cell / 2 + 2, 4);
	context.setTransform(1, 0, 0, 1, -view.column * cell, -view.row * cell);
	for (const [colour, width] of [[colours.free, 4], [colours.ink, 2]]) {
		context.strokeStyle = colour;
		context.lineWidth = width * Math.max(1, Math.round(pixelRatio())) / 1.5;
		context.setLineDash(dashed && colour === colours.ink ? [3, 3] : []);
		context.strokeRect(x - half, y - half, 2 * half, 2 * half);
	}
	context.setLineDash([]);
}
