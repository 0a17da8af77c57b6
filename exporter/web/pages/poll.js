/* SPDX-License-Identifier: Apache-2.0 */
/* When the page asks: again and again while somebody looks. */
import { byId, setText } from "./dom.js";

const INTERVAL_MS = 5000;
/* A host that takes long to answer is busy: of its time at most this part goes to this page. */
const SHARE_OF_TIME = 20;
const AGE_SHOWN_EVERY_MS = 1000;

/* ask(signal): asks once, and says whether all of it came. */
export function createPoll(ask) {
	const poll = { timer: 0, running: null, moved: false, paused: false, next: 0, wait: INTERVAL_MS, good: 0 };

	async function refresh() {
		const running = new AbortController();
		const began = performance.now();
		Object.assign(poll, { running, moved: false });
		byId("map").setAttribute("aria-busy", "true");
		try {
			const whole = await ask(running.signal);
			if (!running.signal.aborted) {
				poll.wait = Math.max(INTERVAL_MS, SHARE_OF_TIME * (performance.now() - began));
				poll.good = whole ? performance.now() : poll.good;
			}
		} finally {
			/* Whatever an answer held: the next one may be better. */
			poll.next = poll.moved ? 0 : performance.now() + poll.wait;
			poll.running = null;
			byId("map").setAttribute("aria-busy", "false");
			sayAge();
			schedule();
		}
	}

	/* Whoever changes tabs to and fro, or pauses and goes on, gets no refresh before its time. */
	function schedule() {
		clearTimeout(poll.timer);
		if (!poll.running && (poll.moved || !poll.paused) && document.visibilityState === "visible") {
			poll.timer = setTimeout(refresh, Math.max(0, poll.next - performance.now()));
		}
	}

	function sayAge() {
		const age = Math.round((performance.now() - poll.good) / 1000);
		const every = `every ${Math.round(poll.wait / 1000)} s`;
		if (poll.good === 0) {
			setText(byId("freshness"), byId("trouble").hidden ? "Asking the exporter." : "No data yet.");
		} else if (poll.paused || !byId("trouble").hidden) {
			setText(byId("freshness"), `${poll.paused ? "Paused. " : ""}The data is ${age} s old.`);
		} else {
			setText(byId("freshness"), `Live, ${every}.`);
		}
	}

	byId("pause").addEventListener("click", () => {
		poll.paused = !poll.paused;
		byId("pause").setAttribute("aria-pressed", String(poll.paused));
		sayAge();
		schedule();
	});
	document.addEventListener("visibilitychange", schedule);
	setInterval(sayAge, AGE_SHOWN_EVERY_MS);

	return {
		start: schedule,
		/* What came belongs to another network namespace: asks at once. */
		move() {
			poll.running?.abort();
			Object.assign(poll, { moved: true, good: 0, next: 0 });
			sayAge();
			schedule();
		},
	};
}
