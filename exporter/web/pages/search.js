/* SPDX-License-Identifier: Apache-2.0 */
/* What was typed into the form and is no port: the exporter says what it stands for. */
import { addressOf, addressOfFilter, asked } from "./address.js";
import { endpoint } from "./answer.js";
import { get } from "./api.js";
import { byId, count, element, plural, replaceChildren, setText } from "./dom.js";
import { USES, nameOf } from "./uses.js";

const ROWS = 50;

const link = (port) => element("a", { href: addressOf(port), "data-key": String(port) }, String(port));

/* Neighbours of one use in these ranges: {use, first, last}. uses: of each port. */
function runs(ranges, uses) {
	const found = [];
	for (const { first_port: first, last_port: last } of ranges) {
		for (let port = first; port <= last; port++) {
			const before = found.at(-1);
			if (uses[port] === "free") {
				continue;
			}
			if (before?.use === uses[port] && before.last === port - 1) {
				before.last = port;
			} else {
				found.push({ use: uses[port], first: port, last: port });
			}
		}
	}
	return found;
}

function showRanges({ query, ports, ranges }, uses) {
	const found = runs(ranges, uses);
	const inUse = found.reduce((sum, { first, last }) => sum + last - first + 1, 0);
	const words = `${count(inUse)} of ${plural(ports, "port is", "ports are")} in use.`;
	replaceChildren(byId("answer"), element("h3", {}, `Ports ${query}`), element("p", {}, words),
		element("ul", { class: "found" }, ...found.slice(0, ROWS).map(({ use, first, last }) =>
			element("li", {}, link(first), ...last > first ? ["–", link(last)] : [], ` ${USES[use]?.words ?? nameOf(use)}`))),
		...found.length > ROWS ? [element("p", { class: "soft" }, `And ${plural(found.length - ROWS, "row", "rows")} more.`)] : []);
	setText(byId("announcement"), words);
}

/* Of the fullest thousand. */
async function destinationsOf(address) {
	const { destinations } = await get(asked("api/v1/destinations?limit=1000"));
	const ports = new Set(destinations.filter(({ destination }) => destination === address)
		.map(({ destination_port: port }) => port));
	return [...ports].map((port) => endpoint(address, port));
}

const filterOf = (to) => addressOfFilter({ kind: "to", value: to });

function showDestinationsOf(address, found) {
	replaceChildren(byId("answer"), element("h3", {}, address),
		element("p", {}, `Connections go to ${plural(found.length, "port", "ports")} of it.`),
		element("ul", { class: "found" }, ...found.slice(0, ROWS).map((to) =>
			element("li", {}, element("a", { href: filterOf(to), "data-key": to }, to)))));
}

/* Returns what is wrong, or "". */
async function followAddress({ address, port }, onOther) {
	if (port !== undefined) {
		const to = endpoint(address, port);
		const { marked_ports: marked } = await get(asked(`api/v1/ports?to=${encodeURIComponent(to)}`));
		if (marked === 0) {
			return `No TCP connection goes to ${to}.`;
		}
		onOther();
		location.hash = filterOf(to);
		return "";
	}
	const found = await destinationsOf(address);
	if (found.length === 0) {
		return `No connection from the range goes to ${address}.`;
	}
	onOther();
	if (found.length === 1) {
		location.hash = filterOf(found[0]);
	} else {
		showDestinationsOf(address, found);
	}
	return "";
}

/*
 * uses(): of each port, or undefined before there is data. onPort(port): one port was meant. onOther():
 * something else is shown in the place of a port. Returns what is wrong, or "". Never fails.
 */
export async function search(text, { uses, onPort, onOther }) {
	try {
		const found = await get(`api/v1/search?q=${encodeURIComponent(text)}`);
		if (found.wrong !== undefined) {
			return `“${text}”: ${found.wrong}.`;
		}
		if (found.address !== undefined) {
			return await followAddress(found, onOther);
		}
		const [{ first_port: first }] = found.ranges;
		if (found.ports === 1) {
			onPort(first);
			return "";
		}
		const known = uses();
		if (known === undefined) {
			return "There is no data yet. Try again.";
		}
		onOther();
		showRanges(found, known);
		return "";
	} catch (error) {
		return error.message;
	}
}
