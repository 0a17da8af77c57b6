/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence at the top of the page: what is wrong, towards whom, and whose it is. */
import { addressOfFilter } from "./address.js";
import { endpoint } from "./answer.js";
import { byId, count, element, percent, plural, replaceIfChanged } from "./dom.js";
import { setState } from "./heading.js";
import { failedSince, pointsOf, since } from "./history.js";
import { ownerFilter, ownerWords } from "./owner.js";
import { FULL, SLOW, pressure } from "./pressure.js";
import { timeOf } from "./times.js";

/* Who holds how many; the whole path of a cgroup on demand. */
function holders({ active, time_wait: waiting, shared = 0, owner }, usable, name, witness) {
	const who = ownerWords(owner);
	const towards = `ports towards ${name}`;
	const waits = waiting > 0 ? `; ${count(waiting)} are in TIME_WAIT` : "";
	if (who === null) {
		return [`${count(Math.min(usable, active + waiting + shared))} of ${count(usable)} ${towards} are used${waits}`];
	}
	const filter = ownerFilter(owner);
	return [element(filter === null ? "span" : "a", { class: "owner", title: owner.cgroup ?? who.words,
		...filter && { href: addressOfFilter(filter) } }, who.words),
	witness === null ? "" : `, such as ${witness.name},`,
	` ${who.isMany ? "hold" : "holds"} ${count(owner.ports)} of ${count(usable)} ${towards}${waits}`];
}

function others(destinations, level) {
	const number = destinations.slice(1).filter(({ usage_ratio: ratio }) => pressure(ratio).level === level).length;
	const state = level === "full" ? "full" : "over half full";
	return number === 0 ? "" : ` ${plural(number, "more is", "more are")} ${state}.`;
}

function sentence([worst, ...rest], usable, witness) {
	if (!worst) {
		return ["No outgoing connection holds a port of the range."];
	}
	const name = endpoint(worst.destination, worst.destination_port);
	const { level, words } = pressure(worst.usage_ratio);
	if (level === "low") {
		return ["No destination has used half of its ports. "
			+ `The fullest is ${name} with ${percent(worst.usage_ratio)}.`];
	}
	const state = level === "full" ? "full" : `at ${percent(worst.usage_ratio)}`;
	return [`${worst.destination_port} is ${state}: `, ...holders(worst, usable, name, witness), `. ${words}.`,
		others([worst, ...rest], level)];
}

function heading(worst) {
	switch (pressure(worst?.usage_ratio ?? 0).level) {
	case "full":
		return `${worst.destination_port} full`;
	case "half":
		return `${worst.destination_port} at ${percent(worst.usage_ratio)}`;
	default:
		return "OK";
	}
}

/* Since when. What the history does not show is not said. */
function beginning(worst, history) {
	const { level } = pressure(worst?.usage_ratio ?? 0);
	const run = history && level !== "low"
		? since(pointsOf(history, worst), level === "full" ? FULL : SLOW) : null;
	if (run === null) {
		return [];
	}
	const how = run.hasGaps ? "in every sample since" : run.isBeginning ? "since" : "at least since";
	const failed = failedSince(history, run.isBeginning ? run.index - 1 : run.index);
	return [level === "full" ? "Full" : "Over half full", ` ${how} `,
		element("time", { datetime: new Date(run.time).toISOString() }, timeOf(run.time)), ".",
		failed > 0 ? ` ${plural(failed, "call", "calls")} failed since then.` : ""];
}

/*
 * destinations: the fullest first. history: null if there is none of this network namespace. witness: of
 * witnessOf() the fullest.
 */
export function showVerdict(destinations, usable, history, witness) {
	const [worst] = destinations;
	replaceIfChanged(byId("verdict"), ...sentence(destinations, usable, witness));
	replaceIfChanged(byId("since"), ...beginning(worst, history));
	byId("verdict").dataset.level = pressure(worst?.usage_ratio ?? 0).level;
	setState(heading(worst));
}
