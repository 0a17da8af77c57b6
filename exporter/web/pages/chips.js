/* SPDX-License-Identifier: Apache-2.0 */
/* Beside the verdict: what else can go wrong, one short text each. Each leads to where more is told. */
import { addressOf } from "./address.js";
import { endpoint } from "./answer.js";
import { byId, count, element, plural, replaceChildren } from "./dom.js";
import { showSnat } from "./snat.js";
import { timeOf } from "./times.js";

export const SUMMARY_PATH = "api/v1/summary";

/* From this share on a queue and a table are worth a look; a pool has no room for a burst. */
const WATCHED = { queue: 0.5, table: 0.8, pool: 0.8 };
const LISTED = 3;

/* Rounded down: 100 % is said of what is full. */
const percent = (ratio) => `${Math.floor(ratio * 100)} %`;

const levelOf = (ratio, watched) => (ratio >= 1 ? "bad" : ratio >= watched ? "watch" : "ok");

function failures({ failed_calls: calls }) {
	if (calls === undefined) {
		return null;
	}
	const { total, recent, recent_since_ms: since } = calls;
	return { key: "failed-calls", level: recent > 0 ? "bad" : total > 0 ? "watch" : "ok", section: "history",
		text: plural(total, "failed call", "failed calls"),
		more: recent > 0 ? `, ${count(recent)} since ${timeOf(since)}` : total > 0 ? ", none lately" : "" };
}

function queue({ accept_queue: fullest }) {
	if (fullest === undefined) {
		return null;
	}
	return { key: "accept-queue", level: levelOf(fullest.usage_ratio, WATCHED.queue), port: fullest.port,
		text: `accept queue ${percent(fullest.usage_ratio)}`,
		more: fullest.waiting > 0 ? ` on ${fullest.port}` : "" };
}

function table({ time_wait: { sockets, limit, usage_ratio: ratio } }) {
	if (limit === undefined) {
		return null;
	}
	return { key: "time-wait", level: levelOf(ratio, WATCHED.table), section: "all-ports",
		text: `TIME_WAIT table ${percent(ratio)}`, more: ratio >= WATCHED.table ? `: ${count(sockets)} of ${count(limit)}` : "" };
}

function pool({ pools: { ports, udp: { used, usage_ratio: ratio } } }) {
	return { key: "udp-pool", level: levelOf(ratio, WATCHED.pool), section: "all-ports",
		text: `UDP pool ${percent(ratio)}`, more: ratio >= WATCHED.pool ? `: ${count(used)} of ${plural(ports, "port", "ports")}` : "" };
}

function atRisk({ listeners_at_risk: { ports, first } }) {
	const listed = first.slice(0, LISTED).join(", ");
	return { key: "at-risk", level: ports > 0 ? "watch" : "ok", ...ports > 0 ? { port: first[0] } : { section: "one-port" },
		text: plural(ports, "listener at risk", "listeners at risk"),
		more: ports > 0 ? `: ${listed}${ports > LISTED ? ", …" : ""}` : "" };
}

/* As the last scrape found it: the page does not look at source NAT. */
function snat({ snat: fullest }) {
	if (fullest === undefined) {
		return null;
	}
	const { destination, destination_port: port, usage_ratio: ratio } = fullest;
	const to = destination === undefined ? "" : ` ${endpoint(destination, port)}`;
	return { key: "snat", level: levelOf(ratio, WATCHED.pool), section: "snat",
		text: ratio >= 1 ? `SNAT${to} full` : ratio >= WATCHED.pool ? `SNAT${to} ${percent(ratio)}` : `SNAT ${percent(ratio)}`,
		more: "" };
}

/* What colour and form say, for who sees neither. */
const SPOKEN = { ok: "", watch: " (watch)", bad: " (bad)" };

function chip({ key, level, port, section, text, more }) {
	const words = [`${text}${more}`, element("span", { class: "unseen" }, SPOKEN[level])];
	const made = port === undefined
		? element("button", { type: "button", "data-section": section }, ...words)
		: element("a", { href: addressOf(port) }, ...words);
	made.dataset.key = key;
	made.classList.add("chip");
	made.dataset.level = level;
	return element("li", {}, made);
}

let shown = "";

/* summary: an answer of SUMMARY_PATH; null: it is not known. */
export function showChips(summary) {
	const chips = summary === null ? [] : [failures, queue, table, pool, atRisk, snat].map((make) => make(summary))
		.filter((made) => made !== null);
	/* The address is part of a link. */
	const drawn = JSON.stringify([chips, location.hash]);
	byId("chips").hidden = chips.length === 0;
	showSnat(summary?.snat);
	if (drawn !== shown) {
		shown = drawn;
		replaceChildren(byId("chips"), ...chips.map(chip));
	}
}

/* A section is no part of the address, which is what is shown: it takes no link. */
export function followChips() {
	byId("chips").addEventListener("click", ({ target }) => {
		const id = target.closest("[data-section]")?.dataset.section;
		const section = id === undefined || byId(id).hidden ? null : byId(id);
		const heading = section?.querySelector("h2");
		if (heading) {
			heading.tabIndex = -1;
			heading.focus({ preventScroll: true });
			section.scrollIntoView({ block: "start" });
		}
	});
}
