/* SPDX-License-Identifier: Apache-2.0 */
/* The map: its picture, its axis, and the pointer and the keys on it. */
import { byId, element, setText } from "./dom.js";
import { ZONES, fit, frame, paint } from "./picture.js";
import { COLUMNS, PORTS, nameOf } from "./uses.js";

const WIDEST = 768;
const PAGE_OF_ROWS = 16;
const LABEL_HEIGHT = 15;

/*
 * onPoint(port, byKeys): the pointer or the keys are on it. onPick(port): it was chosen.
 * onLeave(): the pointer is gone. onRelease(): Escape.
 */
export function createAtlas({ onPoint, onPick, onLeave, onRelease }) {
	const [map, cells, marks] = [byId("map"), byId("cells"), byId("marks")];
	const tip = byId("tip");
	const view = { column: 0, row: 0, columns: COLUMNS, rows: PORTS / COLUMNS, cell: 1 };
	let shown = null;
	let cursor = null;

	function axis() {
		const height = map.clientHeight;
		const { first_port: first, last_port: last } = shown.data.range;
		const labels = [
			...ZONES.map(([port, name]) => ({ port, name, kind: "zone" })),
			{ port: first, name: "range from", kind: "range" },
			{ port: last, name: "to", kind: "range" },
		].sort((one, other) => one.port - other.port);
		/* Labels that would overlap make room: first downwards, then up again from the end. */
		let floor = -LABEL_HEIGHT / 2;
		for (const label of labels) {
			label.y = Math.max(label.port / PORTS * height - LABEL_HEIGHT / 2, floor);
			floor = label.y + LABEL_HEIGHT;
		}
		let ceiling = height - LABEL_HEIGHT / 2;
		for (const label of labels.reverse()) {
			label.y = Math.min(label.y, ceiling);
			ceiling = label.y - LABEL_HEIGHT;
		}
		byId("axis").replaceChildren(...labels.reverse().map(({ port, name, kind, y }) => {
			const line = element("span", { class: kind }, element("i", {}, `${name} `), `${port}`);
			line.style.setProperty("top", `${y}px`);
			return line;
		}));
	}

	function draw() {
		if (!shown) {
			return;
		}
		/* The widest that fits; the gutter of the axis is beside it. */
		const width = Math.min(WIDEST, byId("map").parentElement.clientWidth - byId("axis").offsetWidth);
		view.cell = fit(cells, width, view.columns, view.rows);
		fit(marks, width, view.columns, view.rows);
		cells.dataset.cell = view.cell;
		paint(cells.getContext("2d"), view, shown.data, shown.colours, shown.only);
		axis();
		mark();
	}

	function mark() {
		if (!shown) {
			return;
		}
		const context = marks.getContext("2d");
		context.setTransform(1, 0, 0, 1, 0, 0);
		context.clearRect(0, 0, marks.width, marks.height);
		if (shown.pinned !== null) {
			frame(context, shown.pinned, view, shown.colours, false);
		}
		if (cursor !== null && cursor !== shown.pinned) {
			frame(context, cursor, view, shown.colours, true);
		}
	}

	function portAt(event) {
		const box = map.getBoundingClientRect();
		const column = Math.floor((event.clientX - box.left) / box.width * COLUMNS);
		const row = Math.floor((event.clientY - box.top) / box.height * view.rows);
		const inside = column >= 0 && column < COLUMNS && row >= 0 && row < view.rows;
		return inside ? row * COLUMNS + column : null;
	}

	function point(port, byKeys) {
		cursor = port;
		mark();
		onPoint(port, byKeys);
	}

	function showTip(port, event) {
		const box = map.parentElement.getBoundingClientRect();
		const x = event.clientX - box.left;
		setText(tip, `${port} ${nameOf(shown.data.uses[port])}`);
		tip.hidden = false;
		/* To the left of the pointer where the right has no room for it. */
		const flip = x + 14 + tip.offsetWidth > box.width;
		tip.style.setProperty("left", `${flip ? x - 14 - tip.offsetWidth : x + 14}px`);
		tip.style.setProperty("top", `${event.clientY - box.top + 14}px`);
	}

	function nextInUse(from, step) {
		const { uses, marked } = shown.data;
		for (let distance = 1; distance < PORTS; distance++) {
			const port = (from + step * distance + PORTS) % PORTS;
			if (uses[port] !== "free" && (shown.only.size === 0 || shown.only.has(uses[port]))
				&& (marked === undefined || marked[port] === "x")) {
				return port;
			}
		}
		return from;
	}

	const within = (port) => Math.min(Math.max(port, 0), PORTS - 1);
	const KEYS = {
		ArrowLeft: (port) => within(port - 1),
		ArrowRight: (port) => within(port + 1),
		ArrowUp: (port) => (port < COLUMNS ? port : port - COLUMNS),
		ArrowDown: (port) => (port + COLUMNS < PORTS ? port + COLUMNS : port),
		PageUp: (port) => within(port - PAGE_OF_ROWS * COLUMNS),
		PageDown: (port) => within(port + PAGE_OF_ROWS * COLUMNS),
		Home: () => 0,
		End: () => PORTS - 1,
		n: (port) => nextInUse(port, 1),
		p: (port) => nextInUse(port, -1),
	};

	map.addEventListener("keydown", (event) => {
		if (!shown || event.ctrlKey || event.altKey || event.metaKey) {
			return;
		}
		const start = cursor ?? shown.pinned ?? shown.data.range.first_port;
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
		const port = portAt(event);
		if (!shown || port === null) {
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
		const port = portAt(event);
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
		/* state: {data, colours, only, pinned}, kept and read again at each draw. */
		show(state) {
			shown = state;
			draw();
		},
		mark,
	};
}
