/* SPDX-License-Identifier: Apache-2.0 */
/* What the exporter says about one port, as `ephemera port` does. */
import { commandNodes } from "./command.js";
import { count, element, plural } from "./dom.js";
import { foldSockets } from "./fold.js";
import { MISSING, foldedItem, socketItem } from "./socket.js";
import { nameOf } from "./uses.js";

export { endpoint } from "./socket.js";

/* Paragraphs of each side: sockets that are alike share one. */
const PARAGRAPHS = 20;

function side(title, { total, sockets }, isRemote) {
	if (total === 0) {
		return [];
	}
	const groups = foldSockets(sockets).slice(0, PARAGRAPHS);
	const parts = [element("h4", {}, `${title}: ${plural(total, "socket", "sockets")}`),
		element("ul", { class: "sockets" }, ...groups.map((group) =>
			(group.sockets.length === 1 ? socketItem(group.sockets[0]) : foldedItem(group, isRemote))))];
	const shown = groups.reduce((sum, group) => sum + group.sockets.length, 0);
	if (total > shown) {
		parts.push(element("p", { class: "soft" }, `And ${count(total - shown)} more.`));
	}
	return parts;
}

const advice = (command, isElsewhere) => [element("p", {}, isElsewhere
	? "To keep it for its service, run in that network namespace (nsenter --net):" : "To keep it for its service:"),
...commandNodes(command)];

function tags(port) {
	const words = [port.kind, ...new Set(Object.values(port.services ?? {})),
		port.in_range ? "in the range" : "outside the range"];
	for (const word of ["reserved", "privileged"]) {
		if (port[word]) {
			words.push(word);
		}
	}
	return element("ul", { class: "tags" }, ...words.map((word) => element("li", {}, word)));
}

/* The nodes of one answer of /api/v1/ports/{port}. */
export function answerNodes(port) {
	const isElsewhere = port.network_namespace !== undefined;
	const nodes = [tags(port), element("p", { class: "meaning" }, port.meaning),
		...(port.advice ? advice(port.advice, isElsewhere) : []),
		...side("As the local port", port.local, false), ...side("As the remote port", port.remote, true)];
	const gaps = new Set([...port.local.sockets, ...port.remote.sockets].filter(({ holders }) => holders === "found")
		.map(({ holders_incomplete: gap }) => gap).filter((gap) => gap in MISSING));
	for (const gap of gaps) {
		nodes.push(element("p", { class: "soft" }, `Other processes may have these sockets, too: ${MISSING[gap]}`));
	}
	return nodes;
}

/* For who cannot see the panel. */
export const answerSentence = (port) =>
	[`Port ${port.port}, ${nameOf(port.use)}.`, port.meaning,
		...port.local.sockets.slice(0, 1).map(({ meaning }) => meaning)].join(" ");
