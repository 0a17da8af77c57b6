/* SPDX-License-Identifier: Apache-2.0 */
/* The map: its picture, and the pointer and the keys on it. */
import { showAxis } from "./axis.js";
import { byId, setText } from "./dom.js";
import { WHOLE, isIn, layOut, portAt } from "./grid.js";
import { contextOf, fit, frame, paint } from "./picture.js";
import { standsOut, wordsOf } from "./ports.js";

const WIDEST = 768;
const PAGE_OF_ROWS = 16;

/*
 * onPoint(port, byKeys): the pointer or the keys are on it. onPick(port): it was chosen.
 * onLeave(): the pointer is gone. onRelease(): Escape.
 */
export function createAtlas({ onPoint, onPick, onLeave, onRelease }) {
	const [map, cells, marks] = [byId("map"), byId("cells"), byId("marks")];
	const tip = byId("tip");
	const view = { column: 0, row: 0, columns: WHOLE.columns, rows: WHOLE.rows, cell: 1, grid: WHOLE };
	let shown = null;
	let cursor = null;

	function draw() {
		if (!shown) {
			return;
		}
		/* The widest that fits; the gutter of the axis is beside it. */
		const width = Math.min(WIDEST, byId("map").parentElement.clientWidth - byId("axis").offsetWidth);
		Object.assign(view, layOut(shown.extent, width, window.devicePixelRatio || 1));
		Object.assign(view, { columns: view.grid.columns, rows: view.grid.rows });
		fit(cells, view.cell, view.columns, view.rows);
		fit(marks, view.cell, view.columns, view.rows);
		Object.assign(cells.dataset, { cell: view.cell, columns: view.columns, origin: view.grid.origin });
		if (cursor !== null && !isIn(view.grid, cursor)) {
			cursor = null;
		}
		paint(contextOf(cells), view, shown.data, shown.colours, shown.only);
		setText(byId("row-words"), `A row is ${view.columns} ports.`);
		showAxis(view.grid, cells.clientHeight, shown.data.range);
		mark();
	}

	function mark() {
		if (!shown) {
			return;
		}
		const context = marks.getContext("2d");
		context.setTransform(1, 0, 0, 1, 0, 0);
		context.clearRect(0, 0, marks.width, marks.height);
		if (shown.pinned !== null && isIn(view.grid, shown.pinned)) {
			frame(context, shown.pinned, view, shown.colours, false);
		}
		if (cursor !== null && cursor !== shown.pinned) {
			frame(context, cursor, view, shown.colours, true);
		}
	}

	function portUnder(event) {
		const box = map.getBoundingClientRect();
		const column = Math.floor((event.clientX - box.left) / box.width * view.columns);
		const row = Math.floor((event.clientY - box.top) / box.height * view.rows);
		return portAt(view.grid, column, row);
	}

	function point(port, byKeys) {
		cursor = port;
		mark();
		onPoint(port, byKeys);
	}

	function showTip(port, event) {
		const box = map.parentElement.getBoundingClientRect();
		const x = event.clientX - box.left;
		setText(tip, `${port} ${wordsOf(shown.data, port)}`);
		tip.hidden = false;
		/* To the left of the pointer where the right has no room for it. */
		const flip = x + 14 + tip.offsetWidth > box.width;
		tip.style.setProperty("left", `${flip ? x - 14 - tip.offsetWidth : x + 14}px`);
		tip.style.setProperty("top", `${event.clientY - box.top + 14}px`);
	}

	function nextInUse(from, step) {
		const { first, last } = view.grid;
		const number = last + 1 - first;
		for (let distance = 1; distance < number; distance++) {
			const port = first + (from - first + step * distance + number) % number;
			if (shown.data.uses[port] !== "free" && standsOut(shown.data, shown.only, port)) {
				return port;
			}
		}
		return from;
	}

	const within = (port) => Math.min(Math.max(port, view.grid.first), view.grid.last);
	/* In its column, or where it is. */
	const below = (port, rows) => (isIn(view.grid, port + rows * view.columns) ? port + rows * view.columns : port);
	const KEYS = {
		ArrowLeft: (port) => within(port - 1),
		ArrowRight: (port) => within(port + 1),
		ArrowUp: (port) => below(port, -1),
		ArrowDown: (port) => below(port, 1),
		PageUp: (port) => within(port - PAGE_OF_ROWS * view.columns),
		PageDown: (port) => within(port + PAGE_OF_ROWS * view.columns),
		Home: () => view.grid.first,
		End: () => view.grid.last,
		n: (port) => nextInUse(port, 1),
		p: (port) => nextInUse(port, -1),
	};

	map.addEventListener("keydown", (event) => {
		if (!shown || event.ctrlKey || event.altKey || event.metaKey) {
			return;
		}
		const start = cursor ?? (shown.pinned !== null && isIn(view.grid, shown.pinned) ? shown.pinned : shown.data.range.first_port);
		if (event.key === "Enter" || event.key === " ") {
			onPick(start);
		} else if (event.key === "Escape") {
			onRelease();
		} else if (Object.hasOwn(KEYS, event.key)) {
			/* The first key only shows where the cursor is. */
			const first = cursor === null && event.key.startsWith("Arrow");
			point(first ? start : KEYS[event.key](start), true);
		} else {
			return;
		}
		event.preventDefault();
	});
	map.addEventListener("pointermove", (event) => {
		const port = portUnder(event);
		if (!shown || port === null) {
			tip.hidden = true;
			return;
		}
		showTip(port, event);
		if (port !== cursor) {
			point(port, false);
		}
	});
	map.addEventListener("pointerleave", () => {
		tip.hidden = true;
		cursor = null;
		mark();
		onLeave();
	});
	map.addEventListener("click", (event) => {
		const port = portUnder(event);
		if (shown && port !== null) {
			onPick(port);
		}
	});
	map.addEventListener("blur", () => {
		cursor = null;
		mark();
	});
	/* In a frame of its own: drawing changes the size that is observed. */
	new ResizeObserver(() => requestAnimationFrame(draw)).observe(map.parentElement);

	return {
		/* state: {data, extent, colours, only, pinned}, kept and read again at each draw. */
		show(state) {
			shown = state;
			draw();
		},
		mark,
		gridNow: () => view.grid,
	};
}
