/* SPDX-License-Identifier: Apache-2.0 */
/* When the page asks: again and again while somebody looks. */
import { byId, setText } from "./dom.js";

const INTERVAL_MS = 5000;
/*
 * Of the time of a host that takes long to look, at most a twentieth goes to a page with the map. The
 * verdict matters more: it costs what a scrape every 5 s does, and at most half.
 */
const SHARE_OF_TIME = 20;
const SHARE_OF_VERDICT = 2;
const AGE_SHOWN_EVERY_MS = 1000;
/* A timer may be a little early. */
const SLACK_MS = 50;

const every = (ms) => `every ${Math.round(ms / 1000)} s`;

/* 2 s, 0.4 s */
const lasting = (ms) => `${Number((ms / 1000).toFixed(1))} s`;

/*
 * ask(signal, withMap): asks once, for the map too or only for what changes the verdict. Returns {whole:
 * whether all of it came, took: {look, all}}: the ms that the exporter took to look, and with all that it
 * made of it, the map included. took is null if it does not say.
 * onLive(live): whether somebody looks and has not paused, whenever that may have changed.
 */
export function createPoll(ask, onLive) {
	const poll = { timer: 0, running: null, moved: false, paused: false, next: 0, wait: INTERVAL_MS, nextMap: 0,
		waitMap: INTERVAL_MS, lastMap: 0, look: 0, isTold: true, good: 0 };

	/* A slow network or a busy browser is not the host's fault: only where it does not say, it counts. */
	function pace(took, roundTrip) {
		const { look, all } = took ?? { look: roundTrip, all: roundTrip };
		const wait = Math.max(INTERVAL_MS, SHARE_OF_VERDICT * look);
		/* The map comes with the verdict, so every so many of it. */
		const waitMap = wait * Math.ceil(SHARE_OF_TIME * all / wait);
		Object.assign(poll, { wait, waitMap: Math.max(wait, waitMap), look, isTold: took !== null });
	}

	async function refresh() {
		const running = new AbortController();
		const began = performance.now();
		const withMap = began >= poll.nextMap - SLACK_MS;
		Object.assign(poll, { running, moved: false });
		byId("map").setAttribute("aria-busy", "true");
		try {
			const { whole, took } = await ask(running.signal, withMap);
			const now = performance.now();
			if (!running.signal.aborted) {
				pace(took, now - began);
				poll.good = whole ? now : poll.good;
				/* What did not come is asked again with the next verdict. */
				poll.lastMap = withMap ? now : poll.lastMap;
				poll.nextMap = whole ? poll.lastMap + poll.waitMap : 0;
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
		const isSeen = document.visibilityState === "visible";
		clearTimeout(poll.timer);
		onLive(isSeen && !poll.paused);
		if (!poll.running && (poll.moved || !poll.paused) && isSeen) {
			poll.timer = setTimeout(refresh, Math.max(0, poll.next - performance.now()));
		}
	}

	function liveWords() {
		const map = poll.waitMap === poll.wait ? "" : ` The map ${every(poll.waitMap)}: ${
			poll.isTold ? "a look at all ports" : "an answer"} takes ${lasting(poll.look)} here.`;
		return `Live, ${every(poll.wait)}.${map}`;
	}

	function sayAge() {
		const age = Math.round((performance.now() - poll.good) / 1000);
		if (poll.good === 0) {
			setText(byId("freshness"), byId("trouble").hidden ? "Asking the exporter." : "No data yet.");
		} else if (poll.paused || !byId("trouble").hidden) {
			setText(byId("freshness"), `${poll.paused ? "Paused. " : ""}The data is ${age} s old.`);
		} else {
			setText(byId("freshness"), liveWords());
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
			Object.assign(poll, { moved: true, good: 0, next: 0, nextMap: 0 });
			sayAge();
			schedule();
		},
	};
}
