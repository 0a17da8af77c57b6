/* SPDX-License-Identifier: Apache-2.0 */
/* What the map shows, in buttons and in words: the legend, the summary, the table. */
import { addressOf } from "./address.js";
import { endpoint } from "./answer.js";
import { byId, count, element, plural, replaceChildren, setText } from "./dom.js";
import { isIn } from "./grid.js";
import { ZONES, paintSwatch } from "./picture.js";
import { standsOut } from "./ports.js";
import { USES } from "./uses.js";

const ROWS = 200;

/* onChange(only): the set of uses that are to stand out; empty for all. */
export function createLegend(onChange) {
	const only = new Set();
	const buttons = new Map();

	for (const [use, { name }] of Object.entries(USES)) {
		const [swatch, number] = [element("canvas", { "aria-hidden": "true" }), element("span", { class: "number" })];
		const button = element("button", { type: "button", "aria-pressed": "false", "data-use": use },
			swatch, element("span", {}, `${name} `), number);
		button.addEventListener("click", () => {
			const pressed = button.getAttribute("aria-pressed") !== "true";
			button.setAttribute("aria-pressed", String(pressed));
			if (pressed) {
				only.add(use);
			} else {
				only.delete(use);
			}
			onChange(only);
		});
		byId("legend").append(button);
		buttons.set(use, { swatch, number });
	}

	return {
		only,
		/* counts: of the ports that are shown. */
		show(counts, colours) {
			for (const [use, { swatch, number }] of buttons) {
				paintSwatch(swatch, use, colours[use], colours.free);
				setText(number, count(counts[use] ?? 0));
			}
		},
	};
}

/* Where the fewest are left: a connect() there can fail while most ports of the host are free. */
function leftWords({ range: { usable_ports: usable }, destinations: [worst] }) {
	if (!worst || worst.usage_ratio === 0) {
		return "";
	}
	const used = worst.active + worst.time_wait + (worst.shared ?? 0);
	return `${count(Math.max(0, usable - used))} of ${plural(usable, "port is", "ports are")} left towards `
		+ `${endpoint(worst.destination, worst.destination_port)}. `;
}

/* extent: the first and the last port that are shown. */
function rangeWords(extent, { first_port: first, last_port: last }) {
	const owner = document.body.dataset.namespaces === "on" ? "network namespace" : "host";
	if (extent.first < first || extent.last > last) {
		return "System ports are 0–1023, registered ones 1024–49151, dynamic ones 49152–65535. "
			+ `The outline is the range of this ${owner}, ${first}–${last}.`;
	}
	const begin = ZONES.filter(([port]) => port > first && isIn(extent, port));
	return [`These are the ports of the range of this ${owner}.`,
		...begin.map(([port, name]) => `A dashed line is where ${name} ports begin, ${port}.`)].join(" ");
}

/*
 * counts: of the ports in extent. Those that are free are not said: a connect() may fail while most are.
 * destinations: an answer of DESTINATIONS_PATH, or undefined.
 */
export function showSummary({ counts, data: { range }, extent }, destinations) {
	const parts = Object.entries(USES).filter(([use]) => use !== "free")
		.map(([use, { words }], i) => `${count(counts[use] ?? 0)} ${i > 0 ? "" : counts[use] === 1 ? "is " : "are "}${words}`);
	const last = parts.pop();
	setText(byId("summary"), `${destinations ? leftWords(destinations) : ""}`
		+ `Of the ${plural(extent.last - extent.first + 1, "port", "ports")} below, ${parts.join(", ")} and ${last}.`);
	setText(byId("range-words"), rangeWords(extent, range));
}

/* Neighbours of one use in one row, of what stands out. */
function runs(data, extent, only) {
	const { uses } = data;
	const found = [];
	for (let port = extent.first; port <= extent.last; port++) {
		const last = found.at(-1);
		if (uses[port] === "free" || !standsOut(data, only, port)) {
			continue;
		}
		if (last && last.use === uses[port] && last.last === port - 1) {
			last.last = port;
		} else {
			found.push({ use: uses[port], first: port, last: port });
		}
	}
	return found;
}

/* Those that stay come first: listeners, bound, reserved, then what comes and goes. */
const ORDER = ["listener", "bound", "reserved", "outbound", "time_wait"];

export function showTable({ data, extent, only }) {
	if (!byId("used").open) {
		return;
	}
	const found = runs(data, extent, only)
		.sort((one, other) => ORDER.indexOf(one.use) - ORDER.indexOf(other.use) || one.first - other.first);
	const link = (port) => element("a", { href: addressOf(port), "data-key": String(port) }, String(port));
	replaceChildren(byId("used").querySelector("tbody"), ...found.slice(0, ROWS).map(({ use, first, last }) =>
		element("tr", {},
			element("td", {}, link(first), ...(last > first ? ["–", link(last)] : [])),
			element("td", {}, USES[use]?.name ?? use),
			element("td", {}, count(last - first + 1)))));
	setText(byId("used-more"), found.length > ROWS
		? `And ${plural(found.length - ROWS, "row", "rows")} more. Use the buttons above to see fewer.` : "");
}
