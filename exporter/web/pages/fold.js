/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that differ only in addresses, times and descriptors, as `ephemera port` puts them together. */

/* The time that is left is shown as a range. */
const lasting = (meaning) => meaning.replace(/ It is gone in [\d.]+ s\./, "");

/* What differs of a listener is its queue, and that is what people look for. */
const isAlone = ({ state }) => state === "listen";

function keyOf(socket) {
	const { protocol, state, role, meaning, reusable, uid, cgroup, pod_uid: pod, container_id: container, interface: name } = socket;
	return JSON.stringify([protocol, state, role, lasting(meaning), reusable, uid, cgroup, pod, container, name, socket.holders,
		socket.holders_incomplete, socket.processes.map(({ pid }) => pid)]);
}

/* The processes of all, each with all its descriptors. */
function merged(sockets) {
	const [first] = sockets;
	const fds = new Map(first.processes.map(({ pid }) => [pid, []]));
	for (const { processes } of sockets) {
		for (const { pid, fds: more = [] } of processes) {
			fds.get(pid).push(...more);
		}
	}
	return { ...first, processes: first.processes.map((process) =>
		({ ...process, fds: fds.get(process.pid).sort((one, other) => one - other) })) };
}

/* In the order of the first of each: {key, sockets: one or more, meaning, socket: what all have in common}. */
export function foldSockets(sockets) {
	const groups = new Map();
	sockets.forEach((socket, i) => {
		const key = isAlone(socket) ? String(i) : keyOf(socket);
		if (groups.has(key)) {
			groups.get(key).push(socket);
		} else {
			groups.set(key, [socket]);
		}
	});
	return [...groups].map(([key, alike]) => ({ key, sockets: alike, meaning: lasting(alike[0].meaning), socket: merged(alike) }));
}
