/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about a destination, by rules of exporter/answers/advice_rules.c and in its words. */
import { pressure } from "./pressure.js";

const REUSE = { words: "Let connect() take over ports in TIME_WAIT. Both sides need TCP timestamps.",
	command: "sysctl -w net.ipv4.tcp_tw_reuse=1" };
const KEEP = "keep its connections open and use them again: HTTP keep-alive, or a connection pool.";
const MORE = "give it another source address, or let the other side listen on another address or port. Else limit its pool.";

const isLoopback = (address) => address.startsWith("127.") || address.split("%")[0] === "::1";

/* Part of what is used for which one of the first two is worth it. */
const [WAITING, KEPT] = [0.25, 0.5];

/* tcp_tw_reuse is 0, or 2: for loopback alone. A kernel that does not say it has none. */
const reuseHelps = (reuse, destination) =>
	reuse !== undefined && reuse !== 1 && !(reuse === 2 && isLoopback(destination));

/*
 * {words, command: or undefined}; null if nothing is wrong. entry: of the destinations. range: an
 * answer of api/v1/range, or undefined. name: the short one of its owner, or null.
 */
export function todo(entry, usable, range, name) {
	const { active, time_wait: waiting, reusable, destination } = entry;
	if (pressure(entry.usage_ratio).level === "low") {
		return null;
	}
	if (waiting > 0 && waiting >= WAITING * usable && reuseHelps(range?.tcp_time_wait_reuse, destination)) {
		return REUSE;
	}
	if (waiting + reusable >= KEPT * (active + waiting + reusable)) {
		return { words: `Let ${name ?? "the program"} ${KEEP}` };
	}
	return { words: `If ${name ?? "the program"} needs that many, ${MORE}` };
}
