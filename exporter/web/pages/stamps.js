/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paints the cells of ports. What looks alike is drawn once and copied: of 65,536 cells the pixels are
 * there in a few milliseconds, where as many rectangles take a tenth of a second.
 */
import { isIn } from "./grid.js";
import { standsOut } from "./ports.js";
import { paintCell } from "./shapes.js";
import { stepOf } from "./uses.js";

const DIM = 0.15;

/* One cell on its ground, as pixels. Uses the place of the first cell, which is painted over later. */
function stamp(context, use, colour, { ground, cell, isDim }) {
	context.fillStyle = ground;
	context.fillRect(0, 0, cell, cell);
	if (use !== "free") {
		context.globalAlpha = isDim ? DIM : 1;
		paintCell(context, use, colour, 0, 0, cell);
		context.globalAlpha = 1;
	}
	return new Uint32Array(context.getImageData(0, 0, cell, cell).data.buffer);
}

/* As paint() of picture.js has them. */
export function paintPorts(context, view, data, colours, only) {
	const { uses, waits, range } = data;
	const { grid, cell } = view;
	const width = view.columns * cell;
	const pixels = context.createImageData(width, view.rows * cell);
	const words = new Uint32Array(pixels.data.buffer);
	const [first, last] = [range.first_port, range.last_port];
	/* Of each use: outside and inside the range, dim or not, for each step of TIME_WAIT. */
	const stamps = new Map();

	function stampOf(port) {
		const use = uses[port];
		const step = use === "time_wait" ? stepOf(waits[port]) : 0;
		const isInRange = port >= first && port <= last;
		const found = stamps.get(use) ?? [];
		const isDim = !standsOut(data, only, port);
		const at = 4 * step + (isInRange ? 2 : 0) + (isDim ? 1 : 0);
		if (found[at] === undefined) {
			const colour = use === "time_wait" ? colours.waits[step] : colours[use] ?? colours.ink;
			found[at] = stamp(context, use, colour,
				{ cell, ground: isInRange ? colours["in-range"] : colours.free, isDim });
			stamps.set(use, found);
		}
		return found[at];
	}

	context.setTransform(1, 0, 0, 1, 0, 0);
	for (let row = 0; row < view.rows; row++) {
		for (let column = 0; column < view.columns; column++) {
			const port = grid.origin + (view.row + row) * grid.columns + view.column + column;
			if (!isIn(grid, port)) {
				continue;
			}
			const copied = stampOf(port);
			let to = row * cell * width + column * cell;
			for (let from = 0; from < copied.length; to += width) {
				for (let x = 0; x < cell; x++) {
					words[to + x] = copied[from++];
				}
			}
		}
	}
	context.putImageData(pixels, 0, 0);
}
