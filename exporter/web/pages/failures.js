/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that find no port, as they happen: a line each below the verdict. */
import { endpoint } from "./answer.js";
import { byId, count, element, setText } from "./dom.js";
import { ownerName } from "./owner.js";
import { timeOf } from "./times.js";

/* It is of the exporter's own network namespace alone. */
const PATH = "api/v1/failures";

const LINES = 5;
/* The history goes back as far. */
const KEPT_MS = 900000;
/* An EventSource that was refused does not try again by itself. */
const AGAIN_MS = 30000;

/* What was called: connect 10.88.0.50:443. */
function what({ call, protocol, source, destination, destination_port: port }) {
	return call === "connect" ? `connect ${endpoint(destination, port)}` : `bind ${protocol} any port of ${source}`;
}

/* null: nobody is known. */
function who({ namespace, pod, process, ...owner }) {
	return pod === undefined ? ownerName(owner) ?? process ?? null : `${namespace}/${pod}`;
}

function createLine(failure, key) {
	const time = element("time");
	const calls = element("span");
	const owner = who(failure);
	const line = { key, calls: 0, time: 0, node: element("li", {}, time, ` ${failure.call ? what(failure) : "Other calls"} failed`, calls,
		...owner === null ? [] : [", ", element("span", { class: "owner", title: failure.cgroup ?? owner }, owner)]) };

	/* The same again: said by its figures, which no voice reads again. */
	line.add = ({ time_ms: ms, calls: more }) => {
		line.calls += more;
		line.time = ms;
		time.setAttribute("datetime", new Date(ms).toISOString());
		setText(time, timeOf(ms));
		setText(calls, line.calls === 1 ? "" : ` ${count(line.calls)} times`);
	};
	line.add(failure);
	return line;
}

export function createFailures() {
	const list = byId("failures");
	let lines = [];
	let source = null;
	let timer = 0;

	const keep = (kept) => {
		for (const { node } of lines.filter((line) => !kept.includes(line))) {
			node.remove();
		}
		lines = kept;
	};

	/* The newest come first; those that failed last stay. */
	function add(failure) {
		const key = JSON.stringify([failure.call, failure.protocol, failure.source, failure.destination,
			failure.destination_port, failure.cgroup, failure.process]);
		const known = lines.find((line) => line.key === key);
		if (known) {
			known.add(failure);
		} else {
			const line = createLine(failure, key);
			list.prepend(line.node);
			lines.push(line);
		}
		keep(lines.filter(({ time }) => failure.time_ms - time < KEPT_MS)
			.sort((one, other) => other.time - one.time).slice(0, LINES));
	}

	function open() {
		source = new EventSource(PATH);
		source.addEventListener("failure", ({ data }) => add(JSON.parse(data)));
		source.addEventListener("error", () => {
			if (source.readyState === EventSource.CLOSED) {
				clearTimeout(timer);
				timer = setTimeout(open, AGAIN_MS);
			}
		});
	}

	return {
		/* Whether somebody looks. */
		follow(live) {
			if (live === (source !== null)) {
				return;
			}
			clearTimeout(timer);
			source?.close();
			source = null;
			if (live) {
				open();
			}
		},
		/* isOwn: the page shows the exporter's own network namespace. */
		show(isOwn) {
			list.hidden = !isOwn;
		},
	};
}
