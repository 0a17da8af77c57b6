/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of one socket, and of several that are alike. */
import { count, element, plural } from "./dom.js";
import { span } from "./times.js";

/* What a program can make long is cut here; `ephemera port --json` has all of it. */
const PROCESSES = 5;
const DESCRIPTORS = 8;
const COMMAND = 300;
/* Of sockets that are alike. */
const LINES = 20;

/* Why processes may be missing. */
const UNKNOWN = {
	not_readable: "Unknown: the exporter may not read the descriptors of some processes.",
	out_of_time: "Unknown: the search ran out of time. Ask again.",
	too_many: "Unknown: too many descriptors refer to sockets.",
	not_told: "Unknown: the kernel’s tables do not say. The cgroup tells whose it is.",
};
export const MISSING = {
	other_cgroups: "only those in a socket’s cgroup were searched.",
	not_readable: "the exporter may not read the descriptors of some.",
	out_of_time: "the search ran out of time. Ask again.",
	too_many: "too many descriptors refer to sockets.",
};

const HOLDERS = {
	elsewhere: "None in this pid namespace: a process in another one has it, or the kernel.",
	none: "No process has it.",
};

const UDP_STATES = { established: "connected", close: "not connected" };

export const endpoint = (address, port) =>
	`${address.includes(":") ? `[${address}]` : address}:${port}`;

/* Two listeners on two interfaces may differ in nothing else: 0.0.0.0%eth0, as ss writes it. */
const localEndpoint = ({ local_address: address, local_port: port, interface: name }) =>
	endpoint(name === undefined || address.includes("%") ? address : `${address}%${name}`, port);

function facts(pairs) {
	const list = element("dl", { class: "facts" });
	for (const [term, ...values] of pairs) {
		list.append(element("dt", {}, term), ...values.map((value) => element("dd", {}, value)));
	}
	return list;
}

/* list: what there is, cut after limit. */
const cut = (list, limit, separator) =>
	list.slice(0, limit).join(separator) + (list.length > limit ? "…" : "");

function processLine({ pid, name, command = "", fds = [] }) {
	const line = element("span", {}, element("b", {}, element("bdi", {}, name)), ` pid ${pid}`);
	if (fds.length > 0) {
		line.append(`, ${fds.length === 1 ? "descriptor" : "descriptors"} ${cut(fds, DESCRIPTORS, ", ")}`);
	}
	if (command !== "" && command !== name) {
		line.append(element("code", { class: "command" }, cut([...command], COMMAND, "")));
	}
	return line;
}

function processes({ holders, holders_incomplete: gap, processes: all }) {
	if (holders === "unknown") {
		return [UNKNOWN[gap] ?? "Unknown."];
	}
	if (holders !== "found") {
		return [HOLDERS[holders] ?? holders];
	}
	const lines = all.slice(0, PROCESSES).map(processLine);
	if (all.length > PROCESSES) {
		lines.push(`And ${count(all.length - PROCESSES)} more.`);
	}
	return lines;
}

const user = ({ uid, user: name }) => (name === undefined ? `uid ${uid}` : `${name} (uid ${uid})`);

const state = ({ protocol, state: name }) =>
	(protocol === "udp" && UDP_STATES[name]) || name.toUpperCase();

/* How long a connection has been one; of TIME_WAIT the time that is left says enough. */
function openFor({ state: name, age_seconds: seconds, age_is_exact: exact }) {
	if (seconds === undefined || name === "time_wait" || (seconds < 1 && !exact)) {
		return undefined;
	}
	return `${exact ? "for" : "for at least"} ${span(seconds)}`;
}

/* One line of addresses. */
function endsOf(socket) {
	const ends = [element("code", {}, localEndpoint(socket))];
	return socket.remote_port > 0
		? [...ends, " → ", element("code", {}, endpoint(socket.remote_address, socket.remote_port))] : ends;
}

/* pairs: what is known of this one, or of all that are alike; those of the owner come last. */
function factsOf(socket, pairs) {
	const add = (term, value, show = (same) => same) => {
		if (value !== undefined) {
			pairs.push([term, show(value)]);
		}
	};
	add("Interface", socket.interface);
	add("User", socket.uid, () => user(socket));
	pairs.push(["Processes", ...processes(socket)]);
	add("Cgroup", socket.cgroup);
	add("Pod", socket.pod_uid);
	add("Container", socket.container_id);
	return facts(pairs.filter(([, value]) => value !== undefined));
}

const queueOf = ({ accept_queue: length, accept_queue_limit: limit }) => (length === undefined ? undefined
	: limit === undefined ? count(length) : `${count(length)} of ${count(limit)}`);

const openTerm = ({ state: name }) => (name === "syn_sent" ? "Opening" : "Open");

export function socketItem(socket) {
	const left = socket.expires_seconds;
	return element("li", {}, element("p", { class: "ends" }, `${socket.protocol} `, ...endsOf(socket)),
		element("p", {}, socket.meaning), factsOf(socket, [["State", state(socket)], [openTerm(socket), openFor(socket)],
			["Time left", left === undefined ? undefined : `${Math.round(left)} s`], ["Accept queue", queueOf(socket)]]));
}

/* Of several times the shortest and the longest. */
function fromTo(times, show) {
	const [least, most] = [Math.min(...times), Math.max(...times)].map(show);
	return times.length === 0 ? undefined : least === most ? most : `${least} to ${most}`;
}

/* Who opened it. Of TIME_WAIT nobody says it. */
const TOWARDS = { inbound: "from", outbound: "to" };

function foldedWords({ sockets }) {
	const [first] = sockets;
	const addresses = new Set(sockets.map(({ remote_address: address }) => address)).size;
	const what = first.state === "time_wait" ? "connections in TIME_WAIT"
		: first.state === "established" && first.protocol === "tcp" ? "connections established"
			: `${first.protocol === "udp" ? "UDP " : ""}sockets, ${state(first)}`;
	const towards = TOWARDS[first.role] ?? "with";
	return `${count(sockets.length)} ${what}${first.remote_port > 0 ? ` ${towards} ${plural(addresses, "address", "addresses")}` : ""}`;
}

/* A group of foldSockets(): what is said of each once, and their addresses on demand. */
export function foldedItem(group, isRemote) {
	const { key, sockets, meaning, socket } = group;
	const times = sockets.map((each) => each.expires_seconds).filter((left) => left !== undefined);
	const ages = sockets.filter((each) => openFor(each) !== undefined);
	const open = fromTo(ages.map(({ age_seconds: seconds }) => seconds), span);
	const isExact = ages.every(({ age_is_exact: exact }) => exact);
	const name = `${isRemote ? "remote" : "local"} ${key}`;
	const line = (each) => element("li", {}, ...endsOf(each),
		...openFor(each) === undefined ? [] : [` ${openFor(each)}`]);
	const list = [element("ul", { class: "alike" }, ...sockets.slice(0, LINES).map(line)),
		...sockets.length > LINES ? [element("p", { class: "soft" }, `And ${count(sockets.length - LINES)} more.`)] : []];
	return element("li", {},
		element("details", { class: "ends", "data-key": `alike ${name}` },
			element("summary", { "data-key": `summary ${name}` }, foldedWords(group)), ...list),
		element("p", {}, `Each: ${meaning}`), factsOf(socket, [["State", state(socket)],
			[openTerm(socket), open && `${isExact ? "for" : "for at least"} ${open}`],
			["Time left", fromTo(times, (left) => `${Math.round(left)} s`)]]));
}
