/* SPDX-License-Identifier: Apache-2.0 */
/* The map around one port, large enough to tell shapes apart and to be hit with a finger. */
import { byId } from "./dom.js";
import { fit, frame, paint } from "./picture.js";
import { COLUMNS, PORTS } from "./uses.js";

const [WIDTH, HEIGHT] = [27, 9];
const ROWS = PORTS / COLUMNS;

export function createLens({ onPick }) {
	const canvas = byId("lens");
	const view = { column: 0, row: 0, columns: WIDTH, rows: HEIGHT, cell: 1 };
	let shown = null;

	const clamp = (value, most) => Math.min(Math.max(value, 0), most);

	function draw() {
		const port = shown?.port ?? null;
		canvas.hidden = port === null;
		if (port === null) {
			return;
		}
		view.column = clamp(port % COLUMNS - (WIDTH >> 1), COLUMNS - WIDTH);
		view.row = clamp(Math.floor(port / COLUMNS) - (HEIGHT >> 1), ROWS - HEIGHT);
		view.cell = fit(canvas, canvas.parentElement.clientWidth, WIDTH, HEIGHT);
		const context = canvas.getContext("2d");
		paint(context, view, shown.data, shown.colours, shown.only);
		frame(context, port, view, shown.colours, false);
	}

	canvas.addEventListener("click", (event) => {
		const box = canvas.getBoundingClientRect();
		const column = Math.floor((event.clientX - box.left) / box.width * WIDTH);
		const row = Math.floor((event.clientY - box.top) / box.height * HEIGHT);
		onPick((view.row + row) * COLUMNS + view.column + column);
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
