/* SPDX-License-Identifier: Apache-2.0 */
/* What the exporter says about one port, as `ephemera port` does. */
import { commandNodes } from "./command.js";
import { count, element, plural } from "./dom.js";
import { span } from "./times.js";
import { nameOf } from "./uses.js";

/* What a program can make long is cut here; `ephemera port --json` has all of it. */
const PROCESSES = 5;
const DESCRIPTORS = 8;
const COMMAND = 300;

/* Why processes may be missing. */
const UNKNOWN = {
	not_readable: "Unknown: the exporter may not read the descriptors of some processes.",
	out_of_time: "Unknown: the search ran out of time. Ask again.",
	too_many: "Unknown: too many descriptors refer to sockets.",
	not_told: "Unknown: the kernel’s tables do not say. The cgroup tells whose it is.",
};
const MISSING = {
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

function socketItem(socket) {
	const ends = element("p", { class: "ends" }, `${socket.protocol} `,
		element("code", {}, localEndpoint(socket)));
	if (socket.remote_port > 0) {
		ends.append(" → ", element("code", {}, endpoint(socket.remote_address, socket.remote_port)));
	}
	const pairs = [["State", state(socket)]];
	const add = (term, value, show = (same) => same) => {
		if (value !== undefined) {
			pairs.push([term, show(value)]);
		}
	};
	add(socket.state === "syn_sent" ? "Opening" : "Open", openFor(socket));
	add("Time left", socket.expires_seconds, (left) => `${Math.round(left)} s`);
	add("Accept queue", socket.accept_queue, (length) => (socket.accept_queue_limit === undefined
		? count(length) : `${count(length)} of ${count(socket.accept_queue_limit)}`));
	add("Interface", socket.interface);
	add("User", socket.uid, () => user(socket));
	pairs.push(["Processes", ...processes(socket)]);
	add("Cgroup", socket.cgroup);
	add("Pod", socket.pod_uid);
	add("Container", socket.container_id);
	return element("li", {}, ends, element("p", {}, socket.meaning), facts(pairs));
}

function side(title, { total, sockets }) {
	if (total === 0) {
		return [];
	}
	const parts = [element("h4", {}, `${title}: ${plural(total, "socket", "sockets")}`),
		element("ul", { class: "sockets" }, ...sockets.map(socketItem))];
	if (total > sockets.length) {
		parts.push(element("p", { class: "soft" }, `And ${count(total - sockets.length)} more.`));
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
		...side("As the local port", port.local), ...side("As the remote port", port.remote)];
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
