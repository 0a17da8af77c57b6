/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of each use in its cell. */

/* On a grid of 3 x 3, as rectangles: column, row, columns, rows. */
const SHAPES = {
	outbound: [[0, 0, 2, 2]],
	time_wait: [[0, 0, 1, 1], [0, 1, 2, 1], [0, 2, 3, 1]],
	listener: [[0, 0, 3, 3]],
	bound: [[0, 0, 3, 1], [0, 1, 1, 1], [2, 1, 1, 1], [0, 2, 3, 1]],
	reserved: [[0, 1, 3, 1]],
};
const SMALLEST_WITH_SHAPE = 3;
/* One that large is not overlooked. */
export const LARGE = 9;

export function paintCell(context, use, colour, x, y, cell) {
	context.fillStyle = colour;
	if (cell < SMALLEST_WITH_SHAPE) {
		context.fillRect(x, y, cell, cell);
		return;
	}
	/* A big cell has air around it; a small one cannot afford it. */
	const gap = cell >= LARGE ? Math.round(cell / 9) : 0;
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
