/* SPDX-License-Identifier: Apache-2.0 */
/* The live port map: what is asked of the exporter, and who shows it. */
import { asked, readAddress } from "./address.js";
import { getTimed } from "./api.js";
import { createAtlas } from "./atlas.js";
import { SUMMARY_PATH, followChips, showChips } from "./chips.js";
import { DESTINATIONS_PATH, showDestinations } from "./destinations.js";
import { byId, setText } from "./dom.js";
import { createExtent } from "./extent.js";
import { createFailures } from "./failures.js";
import { createFilter, mapPath, ownedPath, showFilter } from "./filter.js";
import { setState } from "./heading.js";
import { HISTORY_PATH } from "./history.js";
import { createLegend, showSummary, showTable } from "./legend.js";
import { createLens } from "./lens.js";
import { createLookup } from "./lookup.js";
import { NAMESPACES_PATH, createChooser } from "./namespaces.js";
import { readColours } from "./picture.js";
import { createPoll } from "./poll.js";
import { countUses, readPorts, wordsOf } from "./ports.js";
import { createTimes } from "./server_time.js";
import { createShades } from "./shades.js";
import { showStrip } from "./strip.js";

function start() {
	const state = { data: null, range: undefined, stale: false, extent: null, counts: null, destinations: undefined,
		colours: readColours(), only: new Set(), pinned: null, port: null };
	const chooser = document.body.dataset.namespaces === "on" ? createChooser() : null;
	const failures = document.body.dataset.failures === "on" ? createFailures() : null;
	let { namespace } = readAddress();
	const times = createTimes();

	const lookup = createLookup({
		useOf: (port) => (state.stale ? undefined : state.data?.uses[port]),
		uses: () => (state.stale ? undefined : state.data?.uses),
		onShow: (port) => {
			state.port = port;
			draw({ lensOnly: true });
		},
	});
	const atlas = createAtlas({
		onPoint(port, byKeys) {
			/* Who points sees it; a voice that follows the pointer would never end. */
			if (byKeys) {
				setText(byId("announcement"), `Port ${port}, ${wordsOf(state.data, port)}`);
			}
			lookup.point(port, byKeys);
		},
		onPick: (port) => lookup.pin(port),
		onLeave: () => lookup.leave(),
		/* The port that is kept goes first, then the filter. */
		onRelease() {
			if (lookup.pinned() === null) {
				filter.end();
			}
			lookup.release();
			draw({});
		},
	});
	const lens = createLens({ onPick: (port) => lookup.pin(port), gridNow: atlas.gridNow });
	const extent = createExtent(() => state.data && showAll());
	const shades = createShades();
	const legend = createLegend((only) => {
		state.only = only;
		draw({});
		table();
	});

	const table = () => state.data && showTable(state);

	function draw({ lensOnly = false }) {
		state.pinned = lookup.pinned();
		if (!state.data) {
			return;
		}
		if (lensOnly) {
			atlas.mark();
		} else {
			atlas.show(state);
			legend.show(state.counts, state.colours);
			shades.show(state.data, state.extent, state.colours);
		}
		lens.show(state);
		extent.show(state.extent, state.pinned);
	}

	function showAll() {
		state.extent = extent.of(state.data.range);
		state.counts = countUses(state.data, state.extent);
		draw({});
		showSummary(state, state.destinations);
		table();
	}

	function show(ports) {
		state.data = readPorts(ports);
		byId("all-ports").hidden = false;
		showAll();
	}

	/* Paths by name. Without the map: what the verdict needs. */
	function wanted(withMap) {
		const owned = ownedPath();
		return { ...withMap && { ports: mapPath() }, summary: asked(SUMMARY_PATH), ...owned && { owned },
			destinations: asked(DESTINATIONS_PATH), ...namespace === null && { history: HISTORY_PATH },
			...withMap && chooser && { namespaces: NAMESPACES_PATH },
			/* A browser sends six at a time: the last one may wait, and takes no walk. */
			...withMap && { range: asked("api/v1/range") } };
	}

	/* As createPoll() takes it. */
	async function ask(signal, withMap) {
		/*
		 * Together: the server then walks the kernel's tables once for all of them. First what asks for
		 * most: the others then share its walk.
		 */
		const paths = wanted(withMap);
		const asking = Object.values(paths).map((path) => getTimed(path, signal));
		const answers = await Promise.allSettled([...asking, ...withMap ? [lookup.refresh()] : []]);
		if (signal.aborted) {
			return { whole: false, took: null };
		}
		/* Those that came. */
		const came = Object.fromEntries(Object.keys(paths).map((name, i) => [name, answers[i].value])
			.filter(([, answer]) => answer !== undefined));
		const { summary, ports, owned, destinations, history = null, namespaces } = Object.fromEntries(
			Object.entries(came).map(([name, { body }]) => [name, body]));
		state.range = came.range?.body ?? state.range;
		/* The name first: the state is of what it names. */
		if (namespaces) {
			chooser.show(namespaces);
		}
		if (summary) {
			showChips(summary);
		}
		state.destinations = destinations;
		if (ports) {
			showFilter(ports.marked_ports, owned);
			show(ports);
		} else if (state.data) {
			showSummary(state, destinations);
		}
		if (history || namespace !== null) {
			showStrip(history);
		}
		if (destinations) {
			showDestinations(destinations, history, state.range, owned);
		}
		const failed = answers.find(({ status }) => status === "rejected");
		setText(byId("trouble"), failed ? failed.reason.message : "");
		byId("trouble").hidden = !failed;
		if (failed && state.stale) {
			hideData();
		}
		if (!failed) {
			setStale(false);
		}
		return { whole: !failed, took: times.add(came) };
	}

	/* Of the namespace that is asked for nothing is known: what is there must take no room. */
	function hideData() {
		showChips(null);
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
		const moves = now !== namespace;
		if (moves) {
			namespace = now;
			state.range = undefined;
			setStale(true);
			failures?.show(namespace === null);
			chooser?.follow();
			setText(byId("announcement"), `Network namespace: ${byId("where").textContent}`);
			lookup.move();
		}
		lookup.followHash();
		if (filter.follow() || moves) {
			poll.move();
		}
	}

	const poll = createPoll(ask, (live) => failures?.follow(live && namespace === null));
	const filter = createFilter(follow);
	byId("used").addEventListener("toggle", table);
	for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
		matchMedia(query).addEventListener("change", () => {
			state.colours = readColours();
			draw({});
		});
	}
	window.addEventListener("hashchange", follow);
	setState("");
	followChips();
	filter.follow();
	lookup.followHash();
	poll.start();
}

if (document.body.dataset.api === "on") {
	start();
}
