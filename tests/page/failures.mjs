// SPDX-License-Identifier: Apache-2.0
// What the page shows of calls that fail. test_page_failures.py makes them fail, and says what it must be.
import { until } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";
import { loaded } from "./scenarios.mjs";

const FAILURES = "/api/v1/failures";

const lines = (page) => page.locator("#failures li").allInnerTexts();

const first = (page) => page.locator("#failures li").first();

async function turn(page, state) {
	await page.evaluate((now) => {
		Object.defineProperty(document, "visibilityState", { configurable: true, get: () => now });
		document.dispatchEvent(new Event("visibilitychange"));
	}, state);
}

/* From the first call to the last: step() makes them fail. */
export async function failing({ open, step, known }) {
	const { page, requests } = await open();
	await loaded(page);
	const asked = () => requests.filter((path) => path === FAILURES).length;
	await until(asked);
	const box = await page.locator("#failures").boundingBox();
	const seen = { before: await lines(page), height: box?.height ?? 0, live: await page.locator("#failures").getAttribute("aria-live") };
	/* The exporter looks once it is asked. */
	await page.waitForTimeout(1500);
	await step("first");
	await until(async () => (await lines(page)).join().includes(`${known.first} times`));
	Object.assign(seen, { first: await lines(page), title: await first(page).locator(".owner").getAttribute("title"),
		time: await first(page).locator("time").getAttribute("datetime") });
	await step("again");
	await until(async () => (await lines(page)).join().includes(`${known.first + known.again} times`), 20);
	seen.again = await lines(page);
	await step("others");
	await until(async () => (await lines(page)).length >= 5 && (await lines(page)).join().includes(`:${known.last} `), 20);
	Object.assign(seen, { others: await lines(page), weak: (await contrasts(page)).filter(({ ratio }) => ratio < 4.5),
		verdict: await page.locator(".state").ariaSnapshot() });
	await page.setViewportSize({ width: 390, height: 844 });
	/* The map follows later. */
	const width = () => page.evaluate(() => document.documentElement.scrollWidth);
	await until(async () => await width() <= 390, 3);
	seen.width = await width();
	if (known.pictures) {
		await page.screenshot({ path: `${known.pictures}/failing-phone.png` });
		await page.setViewportSize({ width: 1400, height: 900 });
		await page.screenshot({ path: `${known.pictures}/failing-desktop.png` });
		await page.emulateMedia({ colorScheme: "dark" });
		await page.screenshot({ path: `${known.pictures}/failing-dark.png` });
	}
	return seen;
}

/* Who does not look, or has paused, asks for none. */
export async function unseen({ open, step, known }) {
	const { page, requests } = await open();
	const asked = () => requests.filter((path) => path === FAILURES).length;
	await loaded(page);
	await until(asked);
	await page.waitForTimeout(1000);
	await turn(page, "hidden");
	const before = asked();
	await step("hidden");
	await page.waitForTimeout(2500);
	const seen = { hidden: asked() - before, lines: await lines(page) };
	await turn(page, "visible");
	await until(() => asked() > before);
	seen.visible = asked() - before;
	await page.locator("#pause").click();
	const paused = asked();
	await page.waitForTimeout(2500);
	seen.paused = asked() - paused;
	await page.locator("#pause").click();
	await until(() => asked() > paused);
	await page.waitForTimeout(1000);
	await step("resumed");
	await until(async () => (await lines(page)).length > 0);
	return { ...seen, resumed: await lines(page), port: known.port };
}

/* Where nobody counts failures the page asks for none. */
export async function uncounted({ open }) {
	const { page, requests } = await open();
	await loaded(page);
	await page.waitForTimeout(1000);
	return { asked: requests.includes(FAILURES), lines: await lines(page) };
}
