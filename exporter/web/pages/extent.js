/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports the map shows: those of the range, or all. This browser remembers the choice. */
import { byId, count, element, plural, replaceIfChanged, setText } from "./dom.js";
import { ALL, isIn } from "./grid.js";

const KEY = "ephemera.map";
const KEPT = "all";

/* Where the browser keeps nothing, the range comes first each time. */
function remembered() {
	try {
		return localStorage.getItem(KEY) === KEPT;
	} catch {
		return false;
	}
}

function remember(all) {
	try {
		if (all) {
			localStorage.setItem(KEY, KEPT);
		} else {
			localStorage.removeItem(KEY);
		}
	} catch {
		/* As above. */
	}
}

/* onChange(): another choice was made. */
export function createExtent(onChange) {
	const button = byId("whole");
	const outside = byId("outside");
	let all = remembered();
	const say = () => button.setAttribute("aria-pressed", String(all));

	function choose(now) {
		all = now;
		say();
		remember(all);
		onChange();
	}

	/* What it asks for vanishes with it: the map is what comes of it. */
	outside.addEventListener("click", ({ target }) => {
		if (target.closest("button")) {
			choose(true);
			byId("map").focus();
		}
	});
	button.addEventListener("click", () => choose(!all));
	say();

	return {
		/* range: as in the API's answer. */
		of: ({ first_port: first, last_port: last }) => (all ? ALL : { first, last }),
		/* extent: from of(). port: that is looked up, or null. */
		show(extent, port) {
			const number = extent.last - extent.first + 1;
			setText(byId("map-title"), all ? `All ${count(number)} ports`
				: `The range ${extent.first}–${extent.last}: ${plural(number, "port", "ports")}`);
			replaceIfChanged(outside, ...port === null || isIn(extent, port) ? []
				: [`Port ${port} is outside the range. `, element("button", { type: "button" }, "Show all 65,536")]);
		},
	};
}
