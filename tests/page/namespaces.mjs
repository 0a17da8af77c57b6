// SPDX-License-Identifier: Apache-2.0
// What somebody does with the page of an exporter that reads all network namespaces.
// known: names, inodes and ports of those that test_page_namespaces.py made.
import { until } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";
import { answered, text } from "./scenarios.mjs";

const here = (page) => new URL(page.url()).hash;
/* The data is of what the heading says. */
const settled = (page) => until(async () => await page.locator("#live").getAttribute("data-stale") !== "on"
	&& (await text(page, "#freshness")).startsWith("Live"));

async function shown(page) {
	await settled(page);
	return { where: await text(page, "#where"), verdict: await text(page, "#verdict"), title: await page.title(),
		summary: await text(page, "#summary"),
		zones: await text(page, "#zones"), listeners: await text(page, "#legend [data-use=listener] .number"),
		words: await text(page, "#destinations-words"), hash: here(page),
		chosen: await page.locator("#namespace option:checked").innerText(),
		trouble: await page.locator("#trouble").isVisible() && await text(page, "#trouble") };
}

const listed = (page) => until(async () => await page.locator("#namespace option").count() > 1);
const choose = (page, name) => page.locator("#namespace").selectOption(`@${name}`);

export async function choosing({ open, known }) {
	const { page, requests } = await open({ all: true });
	await listed(page);
	const seen = { own: await shown(page), options: await page.locator("#namespace option").allInnerTexts(),
		spoken: await page.locator("#chooser").ariaSnapshot(), promises: [await text(page, "#answer")] };
	await choose(page, known.full.name);
	seen.full = await shown(page);
	seen.commands = await page.locator("#destinations li").first().locator("pre").allTextContents();
	seen.promises.push(await text(page, "#answer"));
	await choose(page, "");
	await shown(page);
	seen.promises.push(await text(page, "#answer"));
	await choose(page, known.full.name);
	await shown(page);
	seen.said = await text(page, "#announcement");
	await page.locator("#destinations a[aria-label^=\"Look up\"]").first().click();
	await answered(page, known.full.port);
	seen.port = { hash: here(page), answer: await text(page, "#answer") };
	/* The same port elsewhere: another answer. */
	await choose(page, known.quiet.name);
	await settled(page);
	await until(async () => (await text(page, "#answer")).includes("free"));
	seen.moved = { hash: here(page), answer: await text(page, "#answer"), ...await shown(page) };
	await page.goBack();
	await settled(page);
	await until(async () => (await text(page, "#answer")).includes("LISTEN"));
	seen.back = await shown(page);
	await page.locator("#map").press("Escape");
	seen.released = here(page);
	await choose(page, "");
	seen.own_again = await shown(page);
	seen.paths = [...new Set(requests.filter((path) => path.startsWith("/api/")))];
	return seen;
}

export async function shared({ open, known }) {
	const { page } = await open({ all: true, path: `/#${known.inside}@${known.full.inode}` });
	await answered(page, known.inside);
	const seen = { full: await shown(page), answer: await text(page, "#answer") };
	await page.evaluate(() => {
		location.hash = "#@no/such-pod";
	});
	await until(() => page.locator("#trouble").isVisible());
	seen.nobody = { where: await text(page, "#where"), trouble: await text(page, "#trouble"),
		hidden: await page.locator("#cells").isHidden() };
	await choose(page, known.full.name);
	seen.again = await shown(page);
	return seen;
}

/* What has a place on the page and shows nothing there, and the headings that are seen. */
const emptiness = (page) => page.evaluate(() => {
	const isSeen = (element) => element.checkVisibility({ visibilityProperty: true });
	const name = ({ id, localName }) => id || localName;
	return { boxes: [...document.querySelectorAll("#live *")].filter((element) => isSeen(element)
		&& element.getBoundingClientRect().height > 40 && (element.innerText ?? "").trim() === "").map(name),
	headings: [...document.querySelectorAll("#live h2")].filter(isSeen).map(({ innerText }) => innerText),
	room: document.getElementById("live").getBoundingClientRect().height,
	width: document.documentElement.scrollWidth };
});

/* Nothing is known: no answer has come yet, or the namespace is gone. */
export async function nothing({ open, known }) {
	const seen = {};
	for (const width of [1280, 390]) {
		const options = { viewport: { width, height: 844 } };
		const waiting = await open({ before: (page) => page.route("**/api/v1/**", () => {}), ...options });
		await until(() => waiting.requests.some((path) => path.startsWith("/api/v1/")));
		const gone = await open({ path: "/#@no/such-pod", ...options });
		await until(() => gone.page.locator("#trouble").isVisible());
		seen[width] = { waiting: await emptiness(waiting.page), gone: await emptiness(gone.page),
			promise: await text(gone.page, "#answer") };
		/* The same after another one was there, and the way back. */
		await choose(gone.page, "");
		await shown(gone.page);
		await until(() => gone.page.locator("#map").isVisible());
		seen[width].found = await emptiness(gone.page);
		await gone.page.evaluate(() => {
			location.hash = "#@no/such-pod";
		});
		await until(() => gone.page.locator("#trouble").isVisible());
		seen[width].later = await emptiness(gone.page);
		if (known.pictures) {
			await waiting.page.screenshot({ path: `${known.pictures}/waiting-${width}.png` });
			await gone.page.screenshot({ path: `${known.pictures}/gone-${width}.png` });
		}
	}
	return seen;
}

/* The list is reached and used by the keyboard, and keeps its place. */
export async function keys({ open, known }) {
	const { page } = await open();
	await listed(page);
	await settled(page);
	const seen = {};
	for (let presses = 0; presses < 10 && seen.reached !== "namespace"; presses++) {
		await page.keyboard.press("Tab");
		seen.reached = await page.evaluate(() => document.activeElement.id);
	}
	await page.keyboard.type(known.type);
	await settled(page);
	await until(async () => here(page) !== "");
	seen.chosen = (await shown(page)).where;
	seen.focus = await page.evaluate(() => document.activeElement.id);
	return seen;
}

export async function looks({ open, known }) {
	const seen = {};
	for (const [name, options] of Object.entries({
		desktop: { viewport: { width: 1400, height: 900 } }, dark: { viewport: { width: 1400, height: 900 }, colorScheme: "dark" },
		phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
		narrow: { viewport: { width: 360, height: 740 } } })) {
		const { page } = await open({ path: `/#${known.full.port}@${known.full.name}`, reducedMotion: "reduce", ...options });
		await listed(page);
		await settled(page);
		await answered(page, known.full.port);
		seen[name] = { width: await page.evaluate(() => document.documentElement.scrollWidth),
			contrasts: (await contrasts(page)).slice(0, 3) };
		if (known.pictures) {
			await page.screenshot({ path: `${known.pictures}/${name}.png` });
		}
	}
	return seen;
}

/* Paused, a choice is still answered, once; and an answer that comes late is not shown. */
export async function late({ open, known }) {
	const held = [];
	const { page, requests } = await open({ all: true, path: `/#${known.full.port}` });
	await listed(page);
	await settled(page);
	await answered(page, known.full.port);
	await page.locator("#pause").click();
	await page.route("**/api/v1/ports?*", async (route) => {
		held.push(route);
		if (held.length > 1) {
			await route.continue();
		}
	});
	await choose(page, known.full.name);
	await until(() => held.length === 1);
	await answered(page, known.full.port);
	/* No answer comes: that of the namespace before must not stay. */
	const port = "**/api/v1/ports/*";
	await page.route(port, () => {});
	await choose(page, known.quiet.name);
	await until(() => held.length === 2);
	const asked = held.length;
	await until(async () => (await text(page, "#where")).startsWith(known.quiet.name));
	const meanwhile = await text(page, "#answer");
	await page.unroute(port);
	await until(async () => await page.locator("#live").getAttribute("data-stale") !== "on");
	await held[0].continue().catch(() => {});
	await new Promise((resolve) => setTimeout(resolve, 300));
	const seen = { asked, meanwhile, where: await text(page, "#where"), freshness: await text(page, "#freshness"),
		listeners: await text(page, "#legend [data-use=listener] .number") };
	const before = requests.length;
	await new Promise((resolve) => setTimeout(resolve, 500));
	seen.more = requests.length - before;
	return seen;
}
