// SPDX-License-Identifier: Apache-2.0
// Sockets of a port that are alike. test_page_alike.py says what must come. known.cases: answers for PORT, by name.
import { until } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";
import { answered } from "./scenarios.mjs";

const PORT = 443;

export async function alike({ open, known }) {
	const seen = {};
	for (const [name, json] of Object.entries(known.cases)) {
		const asked = [];
		const { page } = await open({ path: `/#${PORT}`, viewport: { width: 390, height: 844 }, reducedMotion: "reduce",
			before: (fresh) => fresh.route(`**/api/v1/ports/${PORT}?*`, (route) => {
				asked.push(new URL(route.request().url()).search);
				/* Another answer each time: the panel is drawn again. */
				route.fulfill({ json: { ...json, asked: asked.length } });
			}) });
		await answered(page, PORT);
		const items = page.locator("#answer .sockets > li");
		const height = () => page.locator("#answer").evaluate((answer) => answer.getBoundingClientRect().height);
		seen[name] = { asked: asked[0], closed: await page.locator("#answer").innerText(), height: await height(),
			items: await items.allInnerTexts(), spoken: await page.locator("#answer").ariaSnapshot(),
			width: await page.evaluate(() => document.documentElement.scrollWidth) };
		const summary = page.locator("#answer summary").first();
		if (await summary.count() > 0) {
			await summary.focus();
			await page.keyboard.press("Enter");
			const times = asked.length;
			await until(() => asked.length > times, 30);
			await until(async () => await page.locator("#answer").getAttribute("aria-busy") === "false");
			seen[name].lines = await page.locator("#answer .alike").first().locator("li").allInnerTexts();
			seen[name].open = await page.locator("#answer details").first().evaluate((details) => [details.open, details.innerText]);
			seen[name].focus = await page.evaluate(() => document.activeElement.localName);
			seen[name].high = await height();
			seen[name].weak = (await contrasts(page)).filter(({ ratio }) => ratio < 4.5);
		}
		if (known.pictures) {
			await page.screenshot({ path: `${known.pictures}/alike-${name}.png`, fullPage: true });
			await page.setViewportSize({ width: 1400, height: 900 });
			await page.emulateMedia({ colorScheme: "dark" });
			await page.screenshot({ path: `${known.pictures}/alike-${name}-dark.png`, fullPage: true });
		}
	}
	return seen;
}
