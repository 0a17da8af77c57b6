/* SPDX-License-Identifier: Apache-2.0 */
/* TIME_WAIT by the time that is left: in shades on the map, in words and numbers below the legend. */
import { byId, count, element, setText } from "./dom.js";
import { paintSwatch } from "./picture.js";
import { WAITS, stepOf } from "./uses.js";

export function createShades() {
	const shades = WAITS.map(({ words }, step) => {
		const [swatch, number] = [element("canvas", { "aria-hidden": "true" }), element("span", { class: "number" })];
		byId("waits").append(element("li", { "data-step": String(step) }, swatch, element("span", {}, `${words} `), number));
		return { swatch, number };
	});

	return {
		/* extent: the first and the last port that are shown. */
		show({ uses, waits }, { first, last }, colours) {
			const counts = shades.map(() => 0);
			for (let port = first; port <= last; port++) {
				if (uses[port] === "time_wait") {
					counts[stepOf(waits[port])]++;
				}
			}
			for (const [step, { swatch, number }] of shades.entries()) {
				paintSwatch(swatch, "time_wait", colours.waits[step], colours.free);
				setText(number, count(counts[step]));
			}
		},
	};
}
