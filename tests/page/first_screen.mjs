// SPDX-License-Identifier: Apache-2.0
// What somebody sees of the page without scrolling. test_page_first_screen.py says what it must be.
import { until } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";
import { loaded } from "./scenarios.mjs";

const SCREENS = {
	desktop: { viewport: { width: 1400, height: 900 } },
	dark: { viewport: { width: 1400, height: 900 }, colorScheme: "dark" },
	phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
};

/* The text that is wholly in the window. */
const inWindow = (page) => page.evaluate(() => {
	const found = [];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const node = walker.currentNode;
		const range = document.createRange();
		range.selectNodeContents(node);
		const box = range.getBoundingClientRect();
		if (box.width > 0 && box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth
			&& node.parentElement.checkVisibility({ visibilityProperty: true }) && !node.parentElement.closest(".unseen")) {
			found.push(node.textContent.trim());
		}
	}
	return found.filter((text) => text !== "").join("\n");
});

async function look({ open, known }, kind) {
	const seen = {};
	for (const [name, options] of Object.entries(SCREENS)) {
		const { page } = await open({ reducedMotion: "reduce", ...options });
		await loaded(page);
		await until(() => page.locator("#destinations li").count());
		seen[name] = { text: await inWindow(page), title: await page.title(),
			verdict: await page.locator("#verdict").innerText(), since: await page.locator("#since").innerText(),
			summary: await page.locator("#summary").innerText(),
			chips: await page.locator("#chips .chip").evaluateAll((chips) => chips.map((each) => [each.dataset.key, each.dataset.level])),
			width: await page.evaluate(() => document.documentElement.scrollWidth),
			weak: (await contrasts(page)).filter(({ ratio }) => ratio < 4.5),
			order: await page.evaluate(() => [...document.querySelectorAll("#verdict, #history, #destinations, #map")].map(({ id }) => id)) };
		if (known.pictures) {
			await page.screenshot({ path: `${known.pictures}/${kind}-${name}.png` });
			await page.screenshot({ path: `${known.pictures}/${kind}-${name}-all.png`, fullPage: true });
		}
	}
	return seen;
}

export const calm = (given) => look(given, "calm");

export const full = (given) => look(given, "full");

/* The whole path of the owner opens on demand, and stays open when the page asks again. */
export async function owner({ open }) {
	const { page, requests } = await open();
	await loaded(page);
	const details = page.locator("#destinations li").first().locator("details.owner");
	const path = details.locator("> code");
	const seen = { title: await page.locator("#verdict .owner").getAttribute("title"), before: await path.isVisible() };
	await details.locator("summary").click();
	seen.path = await path.innerText();
	const asked = () => requests.filter((each) => each === "/api/v1/destinations").length;
	const before = asked();
	await until(() => asked() > before, 30);
	await page.locator("#map[aria-busy=false]").waitFor();
	seen.after = await path.isVisible();
	return seen;
}
