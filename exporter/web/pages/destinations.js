/* SPDX-License-Identifier: Apache-2.0 */
/* The fullest destinations: one bar each, with its 50 % and 100 % lines. */
import { addressOf, addressOfFilter, readAddress } from "./address.js";
import { endpoint } from "./answer.js";
import { commandLine } from "./command.js";
import { byId, count, element, percent, plural, replaceChildren, setText } from "./dom.js";
import { pointsOf, trend } from "./history.js";
import { ownerName } from "./owner.js";
import { ownerNodes } from "./owner_row.js";
import { FULL, SLOW, pressure } from "./pressure.js";
import { adviceCommand, destinationsCommand } from "./terminal.js";
import { span } from "./times.js";
import { todo } from "./todo.js";
import { showVerdict } from "./verdict.js";
import { witnessOf } from "./witness.js";

export const DESTINATIONS_PATH = "api/v1/destinations?limit=10&owners=true";

/* Ports a second that are no change. */
const STEADY = 0.05;
const FORESEEN_SECONDS = 3600;

/* What sockets of no interface have is lost to those of one, too. */
function sharedWords({ shared }) {
	return shared > 0 ? `, ${count(shared)} of sockets that are bound to no interface` : "";
}

function bar(entry, usable) {
	const share = (ports) => `${Math.min(100, usable > 0 ? ports / usable * 100 : 100)}%`;
	const { level, words } = pressure(entry.usage_ratio);
	const said = `${percent(entry.usage_ratio)} used: ${count(entry.active)} active, `
		+ `${count(entry.time_wait)} in TIME_WAIT${sharedWords(entry)}${words && `; ${words}`}`;
	const track = element("div", {
		class: "meter", role: "meter", "aria-valuemin": "0", "aria-valuemax": "100",
		"aria-valuenow": String(Math.min(100, Math.round(entry.usage_ratio * 1000) / 10)),
		"aria-valuetext": said, "aria-label": endpoint(entry.destination, entry.destination_port),
		"data-level": level,
	});
	for (const [use, ports] of [["outbound", entry.active + (entry.shared ?? 0)], ["time_wait", entry.time_wait]]) {
		const part = element("span", { class: `part ${use}` });
		part.style.setProperty("width", share(ports));
		track.append(part);
	}
	track.append(element("span", { class: "line half" }), element("span", { class: "line full" }));
	return track;
}

const rateWords = (rate) => `by ${rate < 9.5 ? count(Math.round(rate * 10) / 10) : count(Math.round(rate))} ports a second`;

/* How it changes, and when it is full if that goes on; nothing if the history does not show it. */
function trendWords({ active, time_wait: waiting, shared = 0, usage_ratio: ratio }, usable, rate) {
	if (rate === null || (rate > -STEADY && ratio >= FULL) || (Math.abs(rate) < STEADY && ratio < SLOW)) {
		return "";
	}
	if (Math.abs(rate) < STEADY) {
		return "Does not change.";
	}
	const left = (usable - active - waiting - shared) / rate;
	return rate < 0 ? `Falls ${rateWords(-rate)}.`
		: `Rises ${rateWords(rate)}${left <= FORESEEN_SECONDS ? `: full in ${span(left)}` : ""}.`;
}

/* One line, a command if one helps, and once on the page the one that gives all advice. */
function todoNodes(entry, { usable, range, isUrgent }, key) {
	const found = todo(entry, usable, range, ownerName(entry.owner));
	if (found === null) {
		return [];
	}
	const more = isUrgent ? [commandLine("All advice, with commands:", adviceCommand(), `advice ${key}`)] : [];
	const line = element("p", {}, element("b", {}, "What to do: "), found.words);
	if (found.command === undefined) {
		return [line, ...more];
	}
	if (range?.network_namespace !== undefined) {
		line.append(" Run in that network namespace (nsenter --net):");
	}
	return [line, commandLine("", found.command, key), ...more];
}

function row(entry, given) {
	const { usable, history, witness } = given;
	const key = `${entry.source} ${entry.destination} ${entry.destination_port}`;
	const port = element("a", { href: addressOf(entry.destination_port),
		"data-key": key,
		"aria-label": `Look up port ${entry.destination_port}` }, String(entry.destination_port));
	const [address] = endpoint(entry.destination, "").split(/:$/);
	const to = endpoint(entry.destination, entry.destination_port);
	const current = readAddress().filter;
	const mark = element("a", { href: addressOfFilter({ kind: "to", value: to }), "data-key": `to ${key}`,
		"aria-label": `Only ports towards ${to}` }, address);
	const { level, words } = pressure(entry.usage_ratio);
	const change = history ? trendWords(entry, usable, trend(pointsOf(history, entry))) : "";
	const numbers = `${count(entry.active)} active, ${count(entry.time_wait)} TIME_WAIT`
		+ sharedWords(entry) + (entry.reusable > 0 ? `, ${count(entry.reusable)} more reusable` : "");
	return element("li", current?.kind === "to" && current.value === to ? { "aria-current": "true" } : {},
		element("p", { class: "destination" }, element("code", {}, mark, ":", port),
			element("span", { class: "share", "data-level": level },
				level === "full" ? `FULL: ${words}` : `${percent(entry.usage_ratio)}${words && `: ${words}`}`)),
		bar(entry, usable),
		element("p", { class: "soft" }, `${numbers}; from ${entry.source}`), ...ownerNodes(entry, key, witness),
		...change === "" ? [] : [element("p", { class: "trend" }, change)], ...todoNodes(entry, given, key));
}

/*
 * history: null if there is none of this network namespace. settings: an answer of api/v1/range, or
 * undefined. owned: the destinations of the owner that is asked for, or undefined: all are.
 */
export function showDestinations({ range, destinations: all, destinations_total: total }, history, settings, owned) {
	/* What is reusable counts for nothing: connect() takes it as if it were free. */
	const destinations = all.filter(({ usage_ratio: ratio }) => ratio > 0);
	byId("fullest").hidden = false;
	const witness = witnessOf(destinations[0]);
	showVerdict(destinations, range.usable_ports, history, witness);
	setText(byId("destinations-words"), `Each destination can have ${count(range.usable_ports)} of the `
		+ `${plural(range.ports, "port", "ports")} from ${range.first_port} to ${range.last_port}.`);
	const listed = owned?.destinations ?? destinations;
	const owner = owned && readAddress().filter?.value;
	const urgent = listed.findIndex(({ usage_ratio: ratio }) => pressure(ratio).level !== "low");
	replaceChildren(byId("destinations"), ...listed.map((entry, i) =>
		row(entry, { usable: range.usable_ports, history, range: settings, witness, isUrgent: i === urgent })));
	const known = owned?.destinations_total ?? total;
	const more = known - listed.length;
	replaceChildren(byId("destinations-more"), ...more > 0
		? [commandLine(`And ${plural(more, "destination", "destinations")} more:`, destinationsCommand(known, owner), "more")] : []);
}
