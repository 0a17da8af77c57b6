// SPDX-License-Identifier: Apache-2.0
// When the page asks. Its clock stands still unless it is told to run, so that a minute takes no
// minute, and an answer no time.
import { until } from "./browser.mjs";
import { answered, loaded, place, point, text } from "./scenarios.mjs";

const MAP = "/api/v1/ports";

/* An exporter that says that it takes so long, or does not say it: how busy this machine is does not count. */
const timed = (page, timing) => page.route((url) => url.pathname.startsWith("/api/"), async (route) => {
	let response;
	try {
		response = await route.fetch();
	} catch {
		await route.abort();
		return;
	}
	const headers = { ...response.headers() };
	delete headers["server-timing"];
	await route.fulfill({ response, headers: { ...headers, ...timing && { "server-timing": timing } } });
});

async function opened(open, options = {}) {
	const { page, requests } = await open({ all: true, ...options,
		before: async (fresh) => {
			await fresh.clock.install({ time: 0 });
			await fresh.clock.pauseAt(1000);
			/* Headless Chromium shows every tab, always: the state is told, not made. */
			await fresh.addInitScript((state) => {
				Object.defineProperty(document, "visibilityState", { get: () => window.shown ?? state });
			}, options.state ?? "visible");
			await timed(fresh, "timing" in options ? options.timing : "walk;dur=12.3, render;dur=4.5");
			await options.before?.(fresh);
		} });
	await page.clock.runFor(10);
	if (options.state !== "hidden" && !options.before) {
		await loaded(page);
	}
	const asked = () => requests.filter((path) => path === MAP).length;
	return { page, requests, asked };
}

/* Lets the page live for that long. What it asks meanwhile is answered at once, by its clock. */
async function live(page, seconds, { held = false } = {}) {
	for (let second = 0; second < seconds; second++) {
		await page.clock.runFor(1000);
		if (!held) {
			await until(async () => await page.locator("#map").getAttribute("aria-busy") !== "true");
		}
	}
}

/* The pointer asks about a port when it rests on it for 150 ms. */
export async function hover({ open, known }) {
	const { page, requests } = await opened(open, { viewport: { width: 1280, height: 1300 } });
	const [port] = known.ports.outbound;
	const [other] = known.ports.listener;
	/* The page itself asks who has the fullest destination's ports where no cgroup says it. */
	const asked = () => requests.filter((path) => path.startsWith("/api/v1/ports/") && !path.endsWith(`/${known.destination}`));
	for (let passed = 0; passed < 8; passed++) {
		await point(page, 2000 + passed * 300);
		await page.clock.runFor(100);
	}
	await point(page, port);
	await page.clock.runFor(100);
	const seen = { passing: asked(), heading: await text(page, "#answer h3") };
	await page.clock.runFor(100);
	await answered(page, port);
	seen.asked = asked();
	seen.answer = await text(page, "#answer");
	await page.mouse.click(...await place(page, port));
	seen.hash = await until(() => new URL(page.url()).hash);
	/* The pinned one is back when the pointer leaves the map. */
	await point(page, other);
	await page.clock.runFor(200);
	await answered(page, other);
	await page.mouse.move(1, 1);
	await page.clock.runFor(200);
	await answered(page, port);
	seen.after = await text(page, "#answer");
	return seen;
}

async function turn(page, state) {
	await page.evaluate((now) => {
		window.shown = now;
		document.dispatchEvent(new Event("visibilitychange"));
	}, state);
}

export async function visible({ open }) {
	const { page, requests, asked } = await opened(open);
	await loaded(page);
	const seen = { first: asked(), together: requests.includes("/api/v1/destinations"),
		fresh: await text(page, "#freshness") };
	await live(page, 21);
	seen.after_20_seconds = asked();
	await turn(page, "hidden");
	await live(page, 60);
	seen.hidden_for_60 = asked();
	await turn(page, "visible");
	await live(page, 1);
	seen.visible_again = asked();
	/* To and fro is no reason to ask more often. */
	for (let change = 0; change < 10; change++) {
		await turn(page, change % 2 ? "visible" : "hidden");
	}
	await live(page, 1);
	seen.to_and_fro = asked();
	await page.locator("#pause").click();
	await live(page, 60);
	Object.assign(seen, { paused_for_60: asked(), paused: await text(page, "#freshness"),
		pressed: await page.locator("#pause").getAttribute("aria-pressed") });
	await page.locator("#pause").click();
	await live(page, 1);
	seen.resumed = asked();
	return seen;
}

export async function hidden({ open }) {
	const { page, requests } = await opened(open, { state: "hidden" });
	await live(page, 30);
	const before = requests.filter((path) => path.startsWith("/api/")).length;
	await turn(page, "visible");
	await live(page, 1);
	await loaded(page);
	return { before, summary: await text(page, "#summary") };
}

/* A network that takes ten seconds to carry the map. */
export async function slow({ open }) {
	const held = [];
	const { page, asked } = await opened(open, {
		before: (unopened) => unopened.route(`**${MAP}`, (route) => held.push(route), { times: 1 }) });
	await until(() => held.length);
	await live(page, 5, { held: true });
	/* Whoever comes back meanwhile asks no second time. */
	await turn(page, "hidden");
	await turn(page, "visible");
	await live(page, 5, { held: true });
	const seen = { in_flight: asked() };
	await held[0].fallback();
	await fresh(page);
	seen.freshness = await text(page, "#freshness");
	await live(page, 11);
	seen.after_11_seconds = asked();
	return seen;
}

async function takes(open, timing) {
	const { page, requests, asked } = await opened(open, { timing });
	await fresh(page);
	const seen = { freshness: await text(page, "#freshness") };
	const verdicts = () => requests.filter((path) => path === "/api/v1/destinations").length;
	const histories = () => requests.filter((path) => path === "/api/v1/history").length;
	await live(page, 36);
	Object.assign(seen, { maps: asked(), verdicts: verdicts(), histories: histories() });
	await live(page, 5);
	return { ...seen, maps_later: asked(), age: await text(page, "#freshness") };
}

export async function busy({ open }) {
	return { two: await takes(open, "walk;dur=2000.0, render;dur=0.0"), five: await takes(open, "walk;dur=5000.0, render;dur=0.0"),
		half: await takes(open, "walk;dur=200.0, render;dur=60.0"), fast: await takes(open, "walk;dur=12.3, render;dur=4.5"),
		silent: await takes(open, null) };
}

const fresh = (page) => until(async () => (await text(page, "#freshness")).startsWith("Live"));

/* What the exporter may say instead of an answer. */
export async function refused({ open }) {
	const seen = {};
	const refusals = { busy: { status: 503, json: { status: 503, error: "too many requests wait" } },
		off: { status: 404, json: { status: 404, error: "no such path" } },
		nonsense: { status: 200, body: "<html>", contentType: "text/html" } };
	const { page } = await opened(open);
	for (const [name, refusal] of Object.entries(refusals)) {
		await page.route("**/api/v1/*", (route) => route.fulfill(refusal));
		await live(page, 12);
		const trouble = await text(page, "#trouble");
		const freshness = await text(page, "#freshness");
		await page.unroute("**/api/v1/*");
		await live(page, 6);
		await fresh(page);
		seen[name] = { trouble, freshness, again: await page.locator("#trouble").isVisible() };
	}
	return seen;
}

/* step(): test_page.py stops the exporter at the first one, and starts another at the second. */
export async function away({ open, step, known }) {
	const { page } = await opened(open, { path: `/#${known.later[0]}` });
	const listeners = () => text(page, "#legend [data-use=listener] .number");
	const pinned = () => text(page, "#answer");
	await answered(page, known.later[0]);
	const seen = { listeners: [await listeners()], answers: [await pinned()] };
	await step("gone");
	await live(page, 12);
	Object.assign(seen, { trouble: await text(page, "#trouble"), freshness: await text(page, "#freshness"),
		kept: await listeners() });
	seen.answers.push(await pinned());
	await step("back");
	await live(page, 6);
	await fresh(page);
	seen.listeners.push(await listeners());
	seen.trouble_after = await page.locator("#trouble").isVisible();
	seen.answers.push(await pinned());
	return seen;
}
