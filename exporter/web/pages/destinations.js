/* SPDX-License-Identifier: Apache-2.0 */
/* The fullest destinations: one bar each, with its 50 % and 100 % lines. */
import { addressOf } from "./address.js";
import { endpoint } from "./answer.js";
import { byId, count, element, percent, plural, replaceChildren, setText } from "./dom.js";

export const DESTINATIONS_PATH = "api/v1/destinations?limit=10&owners=true";

/* From here on connect() has tried the ports of one parity in vain, and tries the others. */
const SLOW = 0.5;

function pressure(ratio) {
	if (ratio >= 1) {
		return { level: "full", words: "connect() fails" };
	}
	return ratio >= SLOW ? { level: "half", words: "connect() is slow" } : { level: "low", words: "" };
}

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

function row(entry, usable) {
	const port = element("a", { href: addressOf(entry.destination_port),
		"data-key": `${entry.source} ${entry.destination} ${entry.destination_port}`,
		"aria-label": `Look up port ${entry.destination_port}` }, String(entry.destination_port));
	const [address] = endpoint(entry.destination, "").split(/:$/);
	const { level, words } = pressure(entry.usage_ratio);
	const numbers = `${count(entry.active)} active, ${count(entry.time_wait)} TIME_WAIT`
		+ sharedWords(entry) + (entry.reusable > 0 ? `, ${count(entry.reusable)} more reusable` : "");
	/* The root is no service: it says of nobody who that is. */
	const owner = entry.owner?.cgroup ?? "/";
	const from = `from ${entry.source}` + (owner !== "/" ? ` by ${owner}` : "");
	return element("li", {},
		element("p", { class: "destination" }, element("code", {}, `${address}:`, port),
			element("span", { class: "share", "data-level": level },
				`${percent(entry.usage_ratio)}${words && `, ${words}`}`)),
		bar(entry, usable),
		element("p", { class: "soft" }, `${numbers}; ${from}`));
}

/* The sentence at the top of the page. */
function verdict([worst]) {
	if (!worst) {
		return "No outgoing connection holds a port of the range.";
	}
	const name = endpoint(worst.destination, worst.destination_port);
	switch (pressure(worst.usage_ratio).level) {
	case "full":
		return `connect() to ${name} fails: it has used all of its ports.`;
	case "half":
		return `connect() to ${name} is slow: it has used ${percent(worst.usage_ratio)} of its ports.`;
	default:
		return "No destination has used half of its ports. "
			+ `The fullest is ${name} with ${percent(worst.usage_ratio)}.`;
	}
}

export function showDestinations({ range, destinations: all, destinations_total: total }) {
	/* What is reusable counts for nothing: connect() takes it as if it were free. */
	const destinations = all.filter(({ usage_ratio: ratio }) => ratio > 0);
	setText(byId("verdict"), verdict(destinations));
	byId("verdict").dataset.level = pressure(destinations[0]?.usage_ratio ?? 0).level;
	setText(byId("destinations-words"), `Each destination can have ${count(range.usable_ports)} of the `
		+ `${plural(range.ports, "port", "ports")} from ${range.first_port} to ${range.last_port}.`);
	replaceChildren(byId("destinations"), ...destinations.map((entry) => row(entry, range.usable_ports)));
	const more = total - destinations.length;
	setText(byId("destinations-more"), more > 0 ? `And ${plural(more, "destination", "destinations")} more.` : "");
}
