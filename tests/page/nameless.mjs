// SPDX-License-Identifier: Apache-2.0
// A destination whose ports belong to no service. test_page_nameless.py says what must come.
import { until } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";
import { filtered } from "./links.mjs";
import { loaded, text } from "./scenarios.mjs";

const SCREENS = {
	desktop: { viewport: { width: 1400, height: 900 } },
	dark: { viewport: { width: 1400, height: 900 }, colorScheme: "dark" },
	phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};

const commands = (row) => row.locator("pre:visible").allTextContents();

/* The search ends early once, and finds a process when it is asked again. */
async function endsEarly(open, target) {
	const socket = (more) => ({ remote: { sockets: [{ remote_address: "127.0.0.1", cgroup: "/", processes: [], ...more }] } });
	const answers = [socket({ holders_incomplete: "out_of_time" }), socket({ processes: [{ pid: 7, name: "made-up" }] })];
	let asked = 0;
	const { page } = await open({ before: (opened) => opened.route(`**/api/v1/ports/${target}?*`, (route) =>
		route.fulfill({ json: answers[Math.min(asked++, answers.length - 1)] })) });
	await until(async () => (await text(page, "#verdict")).includes("such as"), 40);
	return { verdict: await text(page, "#verdict"), asked };
}

export async function nameless({ open, known }) {
	const seen = { screens: {} };
	for (const [name, options] of Object.entries(SCREENS)) {
		const { page } = await open({ reducedMotion: "reduce", ...options });
		await loaded(page);
		await until(async () => (await text(page, "#verdict")).includes("such as"), 60);
		const row = page.locator("#destinations li").filter({ hasText: `127.0.0.1:${known.target}` });
		seen.screens[name] = { verdict: await text(page, "#verdict"), row: await row.innerText(), commands: await commands(row),
			width: await page.evaluate(() => document.documentElement.scrollWidth),
			weak: (await contrasts(page)).filter(({ ratio }) => ratio < 4.5) };
		if (known.pictures) {
			await page.screenshot({ path: `${known.pictures}/nameless-${name}.png`, fullPage: true });
		}
	}
	const { page, requests } = await open();
	await loaded(page);
	const row = page.locator("#destinations li");
	await until(() => row.count());
	/* A destination that is not nearly full: the command opens with the words. */
	const low = row.filter({ hasText: `127.0.0.1:${known.low}` });
	seen.low = { before: await commands(low) };
	await low.locator("summary").focus();
	await page.keyboard.press("Enter");
	seen.low.after = await commands(low);
	await page.locator("#verdict a.owner").click();
	await filtered(page, "on the map");
	seen.only = { hash: await page.evaluate(() => location.hash), words: await text(page, "#filtered-words"),
		said: await text(page, "#announcement"), link: await page.locator("#verdict a.owner").getAttribute("title"),
		listed: await row.count(), label: await row.first().locator("a.owner-only").getAttribute("aria-label") };
	const lookups = () => requests.filter((path) => path === `/api/v1/ports/${known.target}`).length;
	const looks = () => requests.filter((path) => path === "/api/v1/destinations").length;
	await until(async () => (await text(page, "#verdict")).includes("such as"), 60);
	const named = { looks: looks(), lookups: lookups() };
	await until(() => looks() > named.looks + 3, 60);
	seen.lookups = { untilKnown: named.lookups, later: lookups() - named.lookups, looks: looks() - named.looks };
	seen.early = await endsEarly(open, known.target);
	return seen;
}
