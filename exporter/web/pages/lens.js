/* SPDX-License-Identifier: Apache-2.0 */
/* The map around one port, large enough to tell shapes apart and to be hit with a finger. */
import { byId } from "./dom.js";
import { WHOLE, columnOf, isIn, portAt, rowOf } from "./grid.js";
import { cellOf, contextOf, fit, frame, paint } from "./picture.js";

const [WIDTH, HEIGHT] = [27, 9];

/* gridNow(): the grid of the map. */
export function createLens({ onPick, gridNow }) {
	const canvas = byId("lens");
	let view = null;
	let shown = null;

	const clamp = (value, most) => Math.min(Math.max(value, 0), most);

	function draw() {
		const port = shown?.port ?? null;
		canvas.hidden = port === null;
		if (port === null) {
			return;
		}
		/* What the map does not show still has a neighbourhood; a few ports have one around them. */
		const grid = isIn(gridNow(), port) && gridNow().columns >= WIDTH ? gridNow() : WHOLE;
		const [columns, rows] = [WIDTH, Math.min(HEIGHT, grid.rows)];
		view = { grid, columns, rows, cell: cellOf(canvas.parentElement.clientWidth, WIDTH),
			column: clamp(columnOf(grid, port) - (columns >> 1), grid.columns - columns),
			row: clamp(rowOf(grid, port) - (rows >> 1), grid.rows - rows) };
		fit(canvas, view.cell, columns, rows);
		const context = contextOf(canvas);
		paint(context, view, shown.data, shown.colours, shown.only);
		frame(context, port, view, shown.colours, false);
	}

	canvas.addEventListener("click", (event) => {
		const box = canvas.getBoundingClientRect();
		const column = Math.floor((event.clientX - box.left) / box.width * view.columns);
		const row = Math.floor((event.clientY - box.top) / box.height * view.rows);
		const port = portAt(view.grid, view.column + column, view.row + row);
		if (port !== null) {
			onPick(port);
		}
	});
	new ResizeObserver(() => requestAnimationFrame(draw)).observe(canvas.parentElement);

	return {
		/* state: {data, colours, only, port}; port null for none. */
		show(state) {
			shown = state;
			draw();
		},
	};
}
