/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence at the top of the page: what is wrong, towards whom, and whose it is. */
import { endpoint } from "./answer.js";
import { byId, count, element, percent, plural, replaceIfChanged } from "./dom.js";
import { setState } from "./heading.js";
import { ownerName } from "./owner.js";
import { pressure } from "./pressure.js";

/* Who holds how many; the whole path of a cgroup on demand. */
function holders({ active, time_wait: waiting, shared = 0, owner }, usable, name) {
	const who = ownerName(owner);
	const towards = `ports towards ${name}`;
	const waits = waiting > 0 ? `; ${count(waiting)} are in TIME_WAIT` : "";
	return who === null ? [`${count(Math.min(usable, active + waiting + shared))} of ${count(usable)} ${towards} are used${waits}`]
		: [element("span", { class: "owner", title: owner.cgroup ?? who }, who),
			` holds ${count(owner.ports)} of ${count(usable)} ${towards}${waits}`];
}

function others(destinations, level) {
	const number = destinations.slice(1).filter(({ usage_ratio: ratio }) => pressure(ratio).level === level).length;
	const state = level === "full" ? "full" : "over half full";
	return number === 0 ? "" : ` ${plural(number, "more is", "more are")} ${state}.`;
}

function sentence([worst, ...rest], usable) {
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
	return [`${worst.destination_port} is ${state}: `, ...holders(worst, usable, name), `. ${words}.`,
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

/* destinations: the fullest first. */
export function showVerdict(destinations, usable) {
	replaceIfChanged(byId("verdict"), ...sentence(destinations, usable));
	byId("verdict").dataset.level = pressure(destinations[0]?.usage_ratio ?? 0).level;
	setState(heading(destinations[0]));
}
