/* SPDX-License-Identifier: Apache-2.0 */
/* One process that has ports of a destination, where its owner has no name. */
import { readAddress } from "./address.js";
import { get } from "./api.js";
import { ownerName } from "./owner.js";
import { pressure } from "./pressure.js";

/* A search reads the descriptors of all processes: seldom, and of a few sockets. */
const ASKED_AGAIN_MS = 60000;
/* Where a search found nobody since it ended early, as it may on a busy machine. */
const ASKED_AGAIN_EARLY_MS = 10000;
const SOCKETS = 50;

let last = { key: null, at: 0, found: null, endedEarly: false };

/* Who has most of the sockets that were listed: {pid, name}; null if no process is known. */
function foundIn({ remote: { sockets } }, { destination, owner }) {
	const times = new Map();
	for (const { remote_address: address, cgroup, processes } of sockets) {
		if (address === destination && cgroup === owner.cgroup) {
			for (const { pid, name } of processes) {
				times.set(pid, { pid, name, sockets: (times.get(pid)?.sockets ?? 0) + 1 });
			}
		}
	}
	return [...times.values()].reduce((most, one) => (most === null || one.sockets > most.sockets ? one : most), null);
}

async function ask(entry, mine) {
	try {
		const answer = await get(`api/v1/ports/${entry.destination_port}?limit=${SOCKETS}`);
		mine.found = foundIn(answer, entry);
		mine.endedEarly = answer.remote.sockets.some(({ holders_incomplete: why }) => why === "out_of_time");
	} catch {
		/* Without a name the page says less, and nothing wrong. */
		mine.endedEarly = true;
	}
}

function nextAt({ at, found, endedEarly }) {
	return at + (found === null && endedEarly ? ASKED_AGAIN_EARLY_MS : ASKED_AGAIN_MS);
}

/*
 * worst: the fullest destination. Returns {key, cgroup: whose, pid, name}, or null: nobody has to be named, or it is not
 * known yet. It is asked for meanwhile. Of another network namespace the exporter names no process.
 */
export function witnessOf(worst) {
	if (worst?.owner?.cgroup === undefined || ownerName(worst.owner) !== null || pressure(worst.usage_ratio).level === "low"
		|| readAddress().namespace !== null) {
		return null;
	}
	const key = `${worst.source} ${worst.destination} ${worst.destination_port}`;
	if (key !== last.key || performance.now() > nextAt(last)) {
		last = { key, at: performance.now(), found: key === last.key ? last.found : null, endedEarly: false };
		ask(worst, last);
	}
	return last.found && { key, cgroup: worst.owner.cgroup, ...last.found };
}
