// SPDX-License-Identifier: Apache-2.0
// Only some ports, by a click or by a link; and what the form finds. test_page_links.py says what must come.
import { until } from "./browser.mjs";
import { loaded, text } from "./scenarios.mjs";

const hashOf = (page) => page.evaluate(() => location.hash);
const words = (page) => text(page, "#filtered-words");
const isFiltered = (page) => page.locator("#filtered").isVisible();
export const filtered = (page, wanted) => until(async () => await isFiltered(page) && (await words(page)).includes(wanted));

/* The first pixel of each port's cell, of a map of all ports, where an outbound one has its colour: "red,green,blue". */
const cells = (page, ports) => page.evaluate((wanted) => {
	const canvas = document.getElementById("cells");
	const cell = Number(canvas.dataset.cell);
	const context = canvas.getContext("2d");
	return wanted.map((port) => {
		const { data } = context.getImageData(port % 256 * cell, Math.floor(port / 256) * cell, 1, 1);
		return [...data.slice(0, 3)].join(",");
	});
}, ports);

const item = (page, port) => page.locator("#destinations li").filter({ hasText: `127.0.0.1:${port}` });

async function look(page, known) {
	const seen = { hash: await hashOf(page), words: await words(page), said: await text(page, "#announcement"),
		current: await page.locator("#destinations li[aria-current=true] code").first().innerText().catch(() => null),
		listed: await page.locator("#destinations li .destination").allInnerTexts(), verdict: await text(page, "#verdict") };
	[seen.inside, seen.outside] = [new Set(await cells(page, known.inside)), new Set(await cells(page, known.outside))].map((set) => [...set]);
	return seen;
}

export async function links({ open, known }) {
	const { page, requests } = await open({ all: true });
	await loaded(page);
	const seen = {};
	await until(() => item(page, known.target).count());
	/* By the keyboard, as a link. */
	await item(page, known.target).getByRole("link", { name: /^Only ports towards/ }).press("Enter");
	await filtered(page, "on the map");
	seen.to = await look(page, known);
	seen.button = await page.locator("#show-all").innerText();
	if (known.pictures) {
		await page.screenshot({ path: `${known.pictures}/links-to.png`, fullPage: true });
	}
	await page.reload();
	await filtered(page, "on the map");
	seen.reloaded = await look(page, known);
	/* A port beside it, and back. */
	await item(page, known.target).getByRole("link", { name: /^Look up/ }).click();
	seen.both = await hashOf(page);
	await page.goBack();
	seen.back = await hashOf(page);
	await page.locator("h1").click();
	await page.keyboard.press("Escape");
	await until(async () => !await isFiltered(page));
	seen.ended = await hashOf(page);
	seen.all = await until(() => page.locator("#destinations li").count());
	await item(page, known.target).getByRole("link", { name: /^Only ports of/ }).click();
	await filtered(page, "active ports towards");
	seen.owner = await look(page, known);
	if (known.pictures) {
		await page.screenshot({ path: `${known.pictures}/links-owner.png`, fullPage: true });
	}
	await page.locator("#show-all").press("Enter");
	await until(async () => !await isFiltered(page));
	seen.shown = [await hashOf(page), await page.evaluate(() => document.activeElement.id)];
	/* The map's own keys: first the port goes, then the rest. */
	await page.evaluate((to) => {
		location.hash = to;
	}, `#${known.target}&to=127.0.0.1:${known.target}`);
	await filtered(page, "on the map");
	await page.locator("#map").focus();
	seen.keys = [await hashOf(page)];
	for (let press = 0; press < 2; press++) {
		await page.keyboard.press("Escape");
		seen.keys.push(await hashOf(page));
	}
	await page.evaluate(() => {
		location.hash = "#to=192.0.2.1:443";
	});
	await filtered(page, "none now");
	seen.nobody = await words(page);
	seen.asked = requests.filter((path) => path === "/api/v1/ports").length > 0;
	return seen;
}

async function find(page, typed, wanted) {
	await page.locator("#port").fill(typed);
	await page.locator("#port").press("Enter");
	await until(wanted);
	return { hash: await hashOf(page), wrong: await text(page, "#port-error"), answer: await text(page, "#answer"),
		invalid: await page.locator("#port").getAttribute("aria-invalid") };
}

export async function searching({ open, known }) {
	const { page } = await open();
	await loaded(page);
	const seen = {};
	const heading = (start) => async () => (await page.locator("#answer h3").count()) > 0
		&& (await text(page, "#answer h3")).startsWith(start);
	const wrong = (part) => async () => (await text(page, "#port-error")).includes(part);
	seen.service = await find(page, "https", heading("Port 443"));
	seen.range = await find(page, `${known.first}-${known.last}`, heading("Ports "));
	seen.links = await page.locator("#answer a").first().getAttribute("href");
	if (known.pictures) {
		await page.screenshot({ path: `${known.pictures}/search-range.png` });
	}
	seen.destination = await find(page, `127.0.0.1:${known.target}`, () => isFiltered(page));
	seen.strange = await find(page, "192.0.2.1:443", wrong("192.0.2.1"));
	seen.address = await find(page, "127.0.0.1", heading("127.0.0.1"));
	seen.only = await find(page, "::1", async () => (await hashOf(page)).includes("::1"));
	seen.nobody = await find(page, "192.0.2.1", wrong("192.0.2.1"));
	seen.unknown = await find(page, "no-such-service", wrong("no-such-service"));
	seen.room = await page.locator("#port").getAttribute("maxlength");
	return seen;
}
