// SPDX-License-Identifier: Apache-2.0
// The map of the range alone, and TIME_WAIT by the time that is left. test_page_range.py says what must be.
// known.cases: answers that made_up.py made up, by name.
import { contrasts } from "./contrast.mjs";
import { answered, colours, loaded, point, text } from "./scenarios.mjs";

const said = (page) => text(page, "#announcement");

const withAnswers = (answers) => async (page) => {
	for (const [path, json] of Object.entries(answers)) {
		await page.route((url) => url.pathname === `/api/v1/${path}`, (route) => route.fulfill({ json }));
	}
};

export async function opened(open, { answers, options = {} }, more = {}) {
	const { page } = await open({ viewport: { width: 1280, height: 1300 }, reducedMotion: "reduce", ...options, ...more,
		before: async (fresh) => {
			await more.before?.(fresh);
			await withAnswers(answers)(fresh);
		} });
	await more.begin?.(page);
	await loaded(page);
	return page;
}

const size = (page, id) => page.locator(id).evaluate((element) => {
	const { width, height } = element.getBoundingClientRect();
	return { width, height };
});

const numbers = (page, selector) => page.locator(selector).evaluateAll((found) => found.map((each) =>
	Number(each.querySelector(".number").textContent.replaceAll(",", ""))));

/* What the map shows, and where. */
async function shown(page, { look = [] }) {
	const seen = { title: await text(page, "#map-title"), summary: await text(page, "#summary"), zones: await text(page, "#zones"),
		grid: await page.locator("#cells").evaluate(({ dataset }) =>
			Object.fromEntries(Object.entries(dataset).map(([name, value]) => [name, Number(value)]))),
		map: await size(page, "#cells"), width: await page.evaluate(() => document.documentElement.scrollWidth),
		pressed: await page.locator("#whole").getAttribute("aria-pressed"), counts: await numbers(page, "#legend button"),
		waits: await numbers(page, "#waits li"), weak: (await contrasts(page)).filter(({ ratio }) => ratio < 4.5) };
	seen.axis = await page.locator("#axis span").evaluateAll((labels) => labels.map((label) => {
		const { top, bottom, left } = label.getBoundingClientRect();
		const map = document.getElementById("cells").getBoundingClientRect();
		return { text: label.textContent, top: top - map.top, bottom: bottom - map.top, left };
	}));
	seen.colours = await colours(page, look);
	return seen;
}

/* The keys, from the first port on. */
async function walk(page) {
	const seen = [];
	await page.locator("#map").focus();
	for (const key of ["Home", "ArrowLeft", "ArrowUp", "n", "p", "p", "End", "ArrowRight", "ArrowDown", "n", "PageDown", "PageUp"]) {
		await page.keyboard.press(key);
		seen.push(Number((await said(page)).match(/\d+/)[0]));
	}
	return seen;
}

export async function ranges({ open, known }) {
	const seen = {};
	for (const [name, given] of Object.entries(known.cases)) {
		const page = await opened(open, given);
		await page.locator("#used summary").click();
		seen[name] = await shown(page, given);
		seen[name].rows = await page.locator("#used tbody tr").allInnerTexts();
		seen[name].tips = {};
		for (const port of given.look ?? []) {
			await point(page, port);
			seen[name].tips[port] = await text(page, "#tip");
		}
		await page.mouse.move(1, 1);
		seen[name].keys = await walk(page);
		seen[name].lens = await size(page, "#lens");
	}
	return seen;
}

/* All ports on demand, remembered; and a port that the range has not. */
export async function outside({ open, known }) {
	const [[, given]] = Object.entries(known.cases);
	const page = await opened(open, given, { viewport: { width: 1280, height: 1300 } });
	const words = () => text(page, "#outside");
	const look = async (port) => {
		await page.locator("#port").fill(String(port));
		await page.locator("#port").press("Enter");
		await answered(page, port);
	};
	const pressed = () => page.locator("#whole").getAttribute("aria-pressed");
	const title = () => text(page, "#map-title");
	const seen = { at_first: await words() };
	await look(given.inside);
	seen.inside = await words();
	await look(given.outside);
	seen.outside = await words();
	/* The neighbourhood of a port that the map does not show. */
	seen.lens = await size(page, "#lens");
	await page.locator("#map").focus();
	await page.keyboard.press("ArrowRight");
	seen.first_key = await said(page);
	/* Whoever points at the map must not make it jump. */
	await point(page, given.inside);
	seen.pointing = await words();
	await page.mouse.move(1, 1);
	await page.locator("#outside button").press("Enter");
	Object.assign(seen, { after: await words(), pressed: await pressed(), title: await title(),
		focus: await page.evaluate(() => document.activeElement.id) });
	await page.keyboard.press("Enter");
	seen.kept = new URL(page.url()).hash;
	await page.reload();
	await loaded(page);
	Object.assign(seen, { reloaded: await title(), reloaded_words: await words() });
	await page.locator("#whole").click();
	Object.assign(seen, { back: await title(), back_pressed: await pressed(), back_words: await words() });
	await page.reload();
	await loaded(page);
	seen.back_reloaded = await title();
	await page.keyboard.press("Escape");
	await page.locator("#map").press("Escape");
	seen.released = await words();
	return seen;
}

/* A browser that keeps nothing. */
export async function forgetful({ open, known }) {
	const [[, given]] = Object.entries(known.cases);
	const page = await opened(open, given, { before: (fresh) => fresh.addInitScript(() => {
		Object.defineProperty(window, "localStorage", { get() {
			throw new DOMException("not allowed", "SecurityError");
		} });
	}) });
	const seen = [await text(page, "#map-title")];
	await page.locator("#whole").click();
	seen.push(await text(page, "#map-title"));
	return seen;
}

/* The colour that covers most of each port's cell, without its ground. */
const shapes = (page, ports) => page.evaluate((wanted) => {
	const canvas = document.getElementById("cells");
	const [cell, columns, origin] = ["cell", "columns", "origin"].map((name) => Number(canvas.dataset[name]));
	const context = canvas.getContext("2d");
	return wanted.map((port) => {
		const { data } = context.getImageData((port - origin) % columns * cell, Math.floor((port - origin) / columns) * cell, cell, cell);
		return Array.from({ length: cell * cell }, (_, i) => [...data.slice(4 * i, 4 * i + 3)]);
	});
}, ports);

export async function waits({ open, known }) {
	const [[, given]] = Object.entries(known.cases);
	const { ports } = given;
	const seen = {};
	for (const [name, media] of Object.entries({ light: { colorScheme: "light" }, dark: { colorScheme: "dark" },
		forced: { colorScheme: "light", forcedColors: "active" } })) {
		const page = await opened(open, given, media);
		seen[name] = { cells: await shapes(page, ports), number: await numbers(page, "#waits li"),
			items: await page.locator("#waits li").allInnerTexts(), words: await text(page, ".waits"),
			grounds: (await colours(page, [])).meant };
		await page.locator("#map").focus();
		await page.keyboard.press("Home");
		seen[name].spoken = await said(page);
	}
	/* The clock stands still until it is told to run. */
	const page = await opened(open, given, { before: async (fresh) => {
		await fresh.clock.install({ time: 0 });
		await fresh.clock.pauseAt(1000);
	}, begin: (fresh) => fresh.clock.runFor(10) });
	const tips = async () => {
		const found = [];
		for (const port of ports) {
			await point(page, port);
			found.push(await text(page, "#tip"));
			await page.mouse.move(1, 1);
		}
		return found;
	};
	seen.tips = [await tips()];
	await page.clock.runFor(3000);
	seen.tips.push(await tips());
	return seen;
}
