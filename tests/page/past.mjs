// SPDX-License-Identifier: Apache-2.0
// What the page says of answers that made_up.py made up: known.cases, by name.
import { until } from "./browser.mjs";

export async function past({ open, known }) {
	const seen = {};
	for (const [name, { answers, viewport = { width: 1280, height: 900 } }] of Object.entries(known.cases)) {
		const { page } = await open({ viewport, before: async (fresh) => {
			for (const [path, json] of Object.entries(answers)) {
				await fresh.route((url) => url.pathname === `/api/v1/${path}`, (route) => route.fulfill({ json }));
			}
		} });
		await until(async () => (await page.locator("#freshness").innerText()).startsWith("Live"));
		const texts = (selector) => page.locator(selector).allInnerTexts();
		const attributes = (selector, attribute) => page.locator(selector).evaluateAll((found, wanted) =>
			found.map((each) => each.getAttribute(wanted)), attribute);
		seen[name] = { commands: await texts("#destinations pre:visible"), buttons: await texts("#destinations button:visible"),
			marks: await page.locator("#destinations .share").evaluateAll((found) => found.map((each) => {
				const { color, backgroundColor, borderTopStyle } = getComputedStyle(each);
				return [color, backgroundColor, borderTopStyle];
			})), verdict: await page.locator("#verdict").innerText(), level: await attributes("#verdict", "data-level"),
			since: await page.locator("#since").innerText(), title: await page.title(),
			paths: await attributes("#strip path", "d"), ticks: await attributes("#strip .failure", "x1"),
			levels: await attributes("#strip .level", "y1"), lines: await texts("#history-lines li"),
			words: await page.locator("#history-words").innerText(), items: await texts("#destinations li"),
			snat: await page.locator("#snat").isVisible() && await page.locator("#snat").innerText(), snat_commands: await texts("#snat pre:visible"),
			rest: await page.locator("#destinations-more").innerText(),
			chips: await page.locator("#chips .chip").evaluateAll((found) => found.map((each) => [each.dataset.key, each.dataset.level,
				each.innerText, each.getAttribute("href") ?? each.dataset.section])),
			chip_forms: await page.locator("#chips .chip").evaluateAll((found) => found.map((each) => {
				const { color, backgroundColor, borderTopStyle } = getComputedStyle(each);
				return [color, backgroundColor, borderTopStyle, getComputedStyle(each, "::before").content];
			})),
			spoken: await page.locator("#history").ariaSnapshot() };
	}
	return seen;
}
