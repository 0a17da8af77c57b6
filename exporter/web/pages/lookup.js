/* SPDX-License-Identifier: Apache-2.0 */
/* Looks one port up: which one is shown, what is known of it, and the form that asks. */
import { answerSentence } from "./answer.js";
import { addressOf, asked, readAddress, replaceAddress } from "./address.js";
import { get } from "./api.js";
import { byId, setText } from "./dom.js";
import { createPanel } from "./panel.js";
import { search } from "./search.js";

const REST_MS = 150;
const FRESH_MS = 1000;
const KEPT = 10;
/* So many that those that are alike are counted: the most that the exporter lists. */
const SOCKETS = 1000;

const isNumber = (text) => /^\d+$/.test(text);

/* What is wrong with a port, in words; "" where it is one. */
function fault(text) {
	if (text === "") {
		return "Type a port from 1 to 65535.";
	}
	if (!isNumber(text)) {
		return `Must be a number from 1 to 65535, not “${text}”.`;
	}
	if (Number(text) === 0) {
		return "Must be a number from 1 to 65535, not 0: for bind() it means “any port”.";
	}
	return Number(text) > 65535 ? `Must be a number from 1 to 65535, not ${text}.` : "";
}

/* What is promised before the first answer: of another network namespace the kernel names no process. */
function sayWhose() {
	const promise = byId("whose");
	if (promise !== null) {
		setText(promise, readAddress().namespace === null ? "process" : "cgroup");
	}
}

/* uses(): of each port, or undefined. onShow(port): that port is shown, or is pinned now. */
export function createLookup({ useOf, uses, onShow }) {
	const [input, wrong] = [byId("port"), byId("port-error")];
	const panel = createPanel(useOf);
	const cache = new Map();
	let shown = null;
	let pinned = null;
	let timer = 0;
	let running = null;
	let searched = null;

	const fresh = (port) => {
		const known = cache.get(port);
		return known && performance.now() - known.at < FRESH_MS ? known.answer : undefined;
	};

	async function ask(port) {
		const mine = { port, stop: new AbortController() };
		running?.stop.abort();
		running = mine;
		try {
			const answer = await get(asked(`api/v1/ports/${port}?limit=${SOCKETS}`), mine.stop.signal);
			if (cache.size >= KEPT) {
				cache.clear();
			}
			cache.set(port, { answer, at: performance.now() });
			return answer;
		} finally {
			running = running === mine ? null : running;
		}
	}

	async function showAnswer(port, aloud) {
		try {
			const answer = fresh(port) ?? await ask(port);
			if (port === shown) {
				panel.answer(port, answer);
				if (aloud) {
					setText(byId("announcement"), answerSentence(answer));
				}
			}
		} catch (error) {
			/* Who aborts it asks anew. */
			if (port === shown && error.name !== "AbortError") {
				panel.failed(port, error.message);
			}
		}
	}

	function show(port, { wait = 0, aloud = false } = {}) {
		clearTimeout(timer);
		if (port !== shown) {
			shown = port;
			running?.stop.abort();
		}
		onShow(port);
		if (port === 0) {
			panel.zero();
			return;
		}
		panel.waiting(port);
		timer = setTimeout(() => showAnswer(port, aloud), fresh(port) ? 0 : wait);
	}

	function say(problem) {
		setText(wrong, problem);
		input.setAttribute("aria-invalid", String(problem !== ""));
		return problem === "";
	}

	const check = (text) => say(fault(text));

	/* Of several answers the last one that was asked for counts. */
	async function find(text) {
		const mine = searched = {};
		const problem = await search(text, {
			uses,
			onPort: (port) => mine === searched && pin(port),
			onOther() {
				clearTimeout(timer);
				running?.stop.abort();
				shown = pinned = null;
				panel.forget();
				replaceAddress(addressOf(""));
				onShow(null);
			},
		});
		if (mine === searched && !say(problem)) {
			input.focus();
		}
	}

	function pin(port) {
		if (port === 0) {
			show(0);
			return;
		}
		pinned = port;
		input.value = String(port);
		check(input.value);
		if (location.hash !== addressOf(port)) {
			location.hash = addressOf(port);
		}
		show(port, { aloud: true });
	}

	function followHash() {
		const text = readAddress().port;
		if (text !== "" && text !== String(pinned)) {
			input.value = text;
			if (check(text)) {
				pin(Number(text));
			}
		}
	}

	sayWhose();
	byId("ask").addEventListener("submit", (event) => {
		event.preventDefault();
		const text = input.value.trim();
		if (text !== "" && !isNumber(text)) {
			find(text);
			return;
		}
		searched = null;
		if (check(text)) {
			pin(Number(text));
		} else {
			input.focus();
		}
	});
	return {
		pin,
		followHash,
		pinned: () => pinned,
		point: (port, aloud) => show(port, { wait: REST_MS, aloud }),
		leave() {
			if (pinned !== null && pinned !== shown) {
				show(pinned);
			}
		},
		release() {
			pinned = null;
			replaceAddress(addressOf(""));
		},
		/* Another network namespace is shown: what was known is not of it. */
		move() {
			clearTimeout(timer);
			running?.stop.abort();
			cache.clear();
			panel.forget();
			sayWhose();
			if (shown !== null) {
				show(pinned ?? shown);
			}
		},
		/* The pinned port, together with the map. Never fails: the panel says what went wrong. */
		async refresh() {
			if (pinned === null || pinned !== shown || running?.port === pinned) {
				return;
			}
			cache.delete(pinned);
			await showAnswer(pinned, false);
		},
	};
}
