/* SPDX-License-Identifier: Apache-2.0 */
/* Only some ports: those towards a destination, or of an owner. A line says so, and ends it. */
import { addressOfFilter, asked, readAddress, replaceAddress } from "./address.js";
import { byId, count, element, plural, replaceIfChanged, setText } from "./dom.js";
import { filterWords } from "./owner.js";

const parameter = ({ kind, value }) => `${kind}=${encodeURIComponent(value)}`;

export function mapPath() {
	const { filter } = readAddress();
	return asked(filter === null ? "api/v1/ports" : `api/v1/ports?${parameter(filter)}`);
}

/* The destinations of the owner that is asked for; null: of all. */
export function ownedPath() {
	const { filter } = readAddress();
	return filter?.kind === "owner" ? asked(`api/v1/destinations?limit=100&${parameter(filter)}`) : null;
}

/* The same filter, or none. */
const isSameFilter = (one, other) => one?.kind === other?.kind && one?.value === other?.value;

const subject = ({ kind, value }) => (kind === "to" ? `ports towards ${value}` : `ports of ${filterWords(value)}`);

function figures({ kind }, marked, owned) {
	if (marked === undefined) {
		return "";
	}
	const towards = owned ? `; ${plural(owned.ports_total, "active port", "active ports")} towards `
		+ `${plural(owned.destinations_total, "destination", "destinations")}` : "";
	return `: ${marked === 0 ? kind === "to" ? "none now" : "none that the kernel tells" : `${count(marked)} on the map`}${towards}`;
}

/* marked: how many ports that are; undefined: not known. owned: an answer of ownedPath(), or undefined. */
export function showFilter(marked, owned) {
	const { filter } = readAddress();
	byId("filtered").hidden = filter === null;
	if (filter !== null) {
		replaceIfChanged(byId("filtered-words"), "Only ", element("b", {}, subject(filter)), `${figures(filter, marked, owned)}.`);
	}
}

/* onEnd(): there is no filter any more. */
export function createFilter(onEnd) {
	let last = null;

	function end() {
		if (readAddress().filter === null) {
			return false;
		}
		const inside = byId("filtered").contains(document.activeElement);
		replaceAddress(addressOfFilter(null));
		if (inside) {
			byId("map-title").tabIndex = -1;
			byId("map-title").focus();
		}
		onEnd();
		return true;
	}

	byId("show-all").addEventListener("click", end);
	document.addEventListener("keydown", (event) => {
		/* In a field or a list Escape belongs to that. */
		if (event.key === "Escape" && !event.defaultPrevented && !event.target.closest?.("input, select") && end()) {
			event.preventDefault();
		}
	});

	return {
		end,
		/* Whether the filter is another one than at the last call. Says aloud which it is. */
		follow() {
			const { filter } = readAddress();
			if (isSameFilter(filter, last)) {
				return false;
			}
			last = filter;
			showFilter(undefined, undefined);
			setText(byId("announcement"), filter === null ? "All ports." : `Only ${subject(filter)}.`);
			return true;
		},
	};
}
