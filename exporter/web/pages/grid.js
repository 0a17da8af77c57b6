/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each port has its place on the map: in rows, from origin on. All 65,536 stand in rows of
 * 256; of fewer the cells are as large as a height allows that fits a screen.
 */
import { COLUMNS, PORTS } from "./uses.js";

/* A finger hits a cell of that size. Larger ones would look empty. */
const LARGEST_CELL = 24;
/* From here on a cell shows a shape (picture.js); a narrow window has no room for it. */
const WITH_SHAPE = 3;
const SMALLEST_CELL = 2;
/* What the rows should need together, and what they may where cells would be too small for shapes. */
const HEIGHTS = [600, 800];
/* Wide rows are a multiple of it. All are even: connect() takes the ports of one parity first. */
const MULTIPLE = 16;

const even = (number) => number - number % 2;

function gridOf({ first, last }, columns) {
	const origin = even(first);
	return { first, last, origin, columns, rows: Math.ceil((last + 1 - origin) / columns) };
}

export const ALL = { first: 0, last: PORTS - 1 };
export const WHOLE = gridOf(ALL, COLUMNS);

export const isIn = ({ first, last }, port) => port >= first && port <= last;
export const columnOf = ({ origin, columns }, port) => (port - origin) % columns;
export const rowOf = ({ origin, columns }, port) => Math.floor((port - origin) / columns);

/* null where the grid has no port. */
export function portAt(grid, column, row) {
	const port = grid.origin + row * grid.columns + column;
	return column >= 0 && column < grid.columns && isIn(grid, port) ? port : null;
}

function columnsFor({ first, last }, width, cell) {
	const room = Math.max(2, Math.floor(width / cell));
	const needed = even(last - even(first) + 2);
	return Math.min(needed, room > MULTIPLE ? room - room % MULTIPLE : even(room));
}

/*
 * extent: the first and the last port that are shown. width: in CSS pixels. ratio: device pixels in
 * one. Returns {grid, cell}: a cell's side in device pixels.
 */
export function layOut(extent, width, ratio) {
	const room = Math.floor(width * ratio);
	if (extent.first === ALL.first && extent.last === ALL.last) {
		return { grid: WHOLE, cell: Math.max(1, Math.floor(room / COLUMNS)) };
	}
	for (const height of HEIGHTS) {
		for (let cell = Math.floor(LARGEST_CELL * ratio); cell >= WITH_SHAPE; cell--) {
			const grid = gridOf(extent, columnsFor(extent, room, cell));
			if (grid.rows * cell <= height * ratio) {
				return { grid, cell };
			}
		}
	}
	return { grid: gridOf(extent, columnsFor(extent, room, SMALLEST_CELL)), cell: SMALLEST_CELL };
}
