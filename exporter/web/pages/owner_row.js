/* SPDX-License-Identifier: Apache-2.0 */
/* In the row of a destination: whose most of its ports are, and which command names the processes. */
import { addressOfFilter } from "./address.js";
import { commandLine } from "./command.js";
import { element, plural } from "./dom.js";
import { filterWords, ownerFilter, ownerName, ownerWords } from "./owner.js";
import { pressure } from "./pressure.js";
import { processesCommand } from "./terminal.js";

const capital = (words) => words[0].toUpperCase() + words.slice(1);

function summaryWords({ owner }, key, witness) {
	const { words, isMany } = ownerWords(owner);
	return [element("b", {}, ownerName(owner) === null ? capital(words) : words), ` ${isMany ? "have" : "has"} `,
		plural(owner.ports, "active port", "active ports"),
		witness?.key === key && witness.cgroup === owner.cgroup ? `. One of them is ${witness.name} (pid ${witness.pid})` : ""];
}

function onlyLink(owner, key) {
	const filter = ownerFilter(owner);
	return filter === null ? [] : [element("a", { class: "owner-only", href: addressOfFilter(filter), "data-key": `only ${key}`,
		"aria-label": `Only ports of ${filterWords(filter.value)}` }, ownerWords(owner).isMany ? "Only their ports" : "Only its ports")];
}

/*
 * The whole path and the command open below the short name. Of a nearly full destination whose owner has no name
 * the command is there at once. key: of the row. witness: as of witnessOf().
 */
export function ownerNodes(entry, key, witness) {
	const { owner, usage_ratio: ratio } = entry;
	if (owner === undefined) {
		return [];
	}
	const words = summaryWords(entry, key, witness);
	const processes = commandLine("Which processes:", processesCommand(entry), `processes ${key}`);
	if (ownerName(owner) === null && pressure(ratio).level !== "low") {
		return [element("p", { class: "soft" }, ...words, ". ", ...onlyLink(owner, key)), processes];
	}
	return [element("details", { class: "soft owner", "data-key": `details ${key}` },
		element("summary", { "data-key": `owner ${key}` }, ...words),
		...owner.cgroup === undefined ? [] : [element("code", {}, owner.cgroup)], processes), ...onlyLink(owner, key)];
}
