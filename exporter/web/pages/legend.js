/* SPDX-License-Identifier: Apache-2.0 */
/* What the map shows, in buttons and in words: the legend, the summary, the table. */
import { addressOf } from "./address.js";
import { endpoint } from "./answer.js";
import { byId, count, element, plural, replaceChildren, setText } from "./dom.js";
import { fit, paintCell } from "./picture.js";
import { PORTS, USES } from "./uses.js";

const SWATCH = 14;
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
		show(counts, colours) {
			for (const [use, { swatch, number }] of buttons) {
				const cell = fit(swatch, SWATCH, 1, 1);
				const context = swatch.getContext("2d");
				context.fillStyle = colours.free;
				context.fillRect(0, 0, cell, cell);
				if (use !== "free") {
					paintCell(context, use, colours[use], 0, 0, cell);
				}
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

/* destinations: an answer of DESTINATIONS_PATH, or undefined. */
export function showSummary({ counts, range }, destinations) {
	const parts = Object.entries(USES).filter(([use]) => use !== "free")
		.map(([use, { words }]) => `${count(counts[use] ?? 0)} ${words}`);
	const last = parts.pop();
	setText(byId("summary"), `${destinations ? leftWords(destinations) : ""}`
		+ `${count(counts.free ?? 0)} ports are free, ${parts.join(", ")} and ${last}.`);
	setText(byId("range-words"), `The outline is the range of this ${
		document.body.dataset.namespaces === "on" ? "network namespace" : "host"}, `
		+ `${range.first_port}–${range.last_port}.`);
}

/* Neighbours of one use in one row. */
function runs(uses) {
	const found = [];
	for (let port = 0; port < PORTS; port++) {
		const last = found.at(-1);
		if (uses[port] === "free") {
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

export function showTable({ uses }, only) {
	if (!byId("used").open) {
		return;
	}
	const found = runs(uses).filter(({ use }) => only.size === 0 || only.has(use))
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
