/* SPDX-License-Identifier: Apache-2.0 */
/* The live port map: asks the exporter again and again while somebody looks, and shows it. */
import { asked, readAddress } from "./address.js";
import { get } from "./api.js";
import { createAtlas } from "./atlas.js";
import { DESTINATIONS_PATH, showDestinations } from "./destinations.js";
import { byId, setText } from "./dom.js";
import { setState } from "./heading.js";
import { HISTORY_PATH } from "./history.js";
import { createLegend, showSummary, showTable } from "./legend.js";
import { createLens } from "./lens.js";
import { createLookup } from "./lookup.js";
import { NAMESPACES_PATH, createChooser } from "./namespaces.js";
import { readColours } from "./picture.js";
import { showStrip } from "./strip.js";
import { nameOf } from "./uses.js";

const INTERVAL_MS = 5000;
/* A host that takes long to answer is busy: of its time at most this part goes to this page. */
const SHARE_OF_TIME = 20;
const AGE_SHOWN_EVERY_MS = 1000;

function start() {
	const state = { data: null, stale: false, colours: readColours(), only: new Set(), pinned: null, port: null };
	const poll = { timer: 0, running: null, moved: false, paused: false, next: 0, wait: INTERVAL_MS, good: 0 };
	const chooser = document.body.dataset.namespaces === "on" ? createChooser() : null;
	let { namespace } = readAddress();

	const lookup = createLookup({
		useOf: (port) => (state.stale ? undefined : state.data?.uses[port]),
		onShow: (port) => {
			state.port = port;
			draw({ lensOnly: true });
		},
	});
	const atlas = createAtlas({
		onPoint(port, byKeys) {
			/* Who points sees it; a voice that follows the pointer would never end. */
			if (byKeys) {
				setText(byId("announcement"), `Port ${port}, ${nameOf(state.data.uses[port])}`);
			}
			lookup.point(port, byKeys);
		},
		onPick: (port) => lookup.pin(port),
		onLeave: () => lookup.leave(),
		onRelease() {
			lookup.release();
			draw({});
		},
	});
	const lens = createLens({ onPick: (port) => lookup.pin(port) });
	const legend = createLegend((only) => {
		state.only = only;
		draw({});
		table();
	});

	const table = () => state.data && showTable(state.data, state.only);

	function draw({ lensOnly = false }) {
		state.pinned = lookup.pinned();
		if (!state.data) {
			return;
		}
		lens.show(state);
		if (lensOnly) {
			atlas.mark();
		} else {
			atlas.show(state);
			legend.show(state.data.counts, state.colours);
		}
	}

	function show(ports, destinations) {
		state.data = {
			range: ports.range,
			counts: ports.counts,
			uses: Array.from(ports.ports, (letter) => ports.legend[letter] ?? letter),
		};
		byId("all-ports").hidden = false;
		draw({});
		showSummary(state.data, destinations);
		table();
	}

	async function askAll(signal) {
		const began = performance.now();
		/*
		 * Together: the server then walks the kernel's tables once for all of them. First what asks for
		 * most: the others then share its walk.
		 */
		const looked = lookup.refresh();
		const paths = { ports: asked("api/v1/ports"), destinations: asked(DESTINATIONS_PATH), range: asked("api/v1/range"),
			...namespace === null && { history: HISTORY_PATH }, ...chooser && { namespaces: NAMESPACES_PATH } };
		const answers = await Promise.allSettled([...Object.values(paths).map((path) => get(path, signal)), looked]);
		if (signal.aborted) {
			return;
		}
		poll.wait = Math.max(INTERVAL_MS, SHARE_OF_TIME * (performance.now() - began));
		/* Those that came. */
		const { ports, destinations, range, history = null, namespaces } = Object.fromEntries(
			Object.keys(paths).map((name, i) => [name, answers[i].value]));
		/* The name first: the state is of what it names. */
		if (namespaces) {
			chooser.show(namespaces);
		}
		if (ports) {
			show(ports, destinations);
		}
		if (history || namespace !== null) {
			showStrip(history);
		}
		if (destinations) {
			showDestinations(destinations, history, range);
		}
		const failed = answers.find(({ status }) => status === "rejected");
		setText(byId("trouble"), failed ? failed.reason.message : "");
		byId("trouble").hidden = !failed;
		if (failed && state.stale) {
			hideData();
		}
		if (!failed) {
			poll.good = performance.now();
			setStale(false);
		}
	}

	/* Of the namespace that is asked for nothing is known: what is there must take no room. */
	function hideData() {
		for (const id of ["history", "fullest", "all-ports"]) {
			byId(id).hidden = true;
		}
	}

	/* What is shown belongs to another network namespace. */
	const setStale = (stale) => {
		state.stale = stale;
		byId("live").dataset.stale = stale ? "on" : "off";
	};

	/* The address has changed. */
	function follow() {
		const now = readAddress().namespace;
		if (now !== namespace) {
			namespace = now;
			setStale(true);
			poll.running?.abort();
			Object.assign(poll, { moved: true, good: 0, next: 0 });
			chooser?.follow();
			setText(byId("announcement"), `Network namespace: ${byId("where").textContent}`);
			lookup.move();
		}
		lookup.followHash();
		sayAge();
		schedule();
	}

	async function refresh() {
		const running = new AbortController();
		Object.assign(poll, { running, moved: false });
		byId("map").setAttribute("aria-busy", "true");
		try {
			await askAll(running.signal);
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
	byId("used").addEventListener("toggle", table);
	for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
		matchMedia(query).addEventListener("change", () => {
			state.colours = readColours();
			draw({});
		});
	}
	setInterval(sayAge, AGE_SHOWN_EVERY_MS);
	window.addEventListener("hashchange", follow);
	setState("");
	lookup.followHash();
	schedule();
}

if (document.body.dataset.api === "on") {
	start();
}
