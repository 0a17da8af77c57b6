// SPDX-License-Identifier: Apache-2.0
// How half and full look. test_page_levels.py says what must be. known.cases: as in range.mjs.
import { until } from "./browser.mjs";
import { opened } from "./range.mjs";

/* What tells half from full where there is no colour. */
export async function levels({ open, known }) {
	const seen = {};
	for (const [name, given] of Object.entries(known.cases)) {
		for (const forcedColors of ["none", "active"]) {
			const page = await opened(open, given, { forcedColors });
			await until(() => page.locator("#destinations li").count());
			const of = (selector, ...properties) => page.locator(selector).evaluateAll((found, wanted) => found.map((each) => {
				const style = getComputedStyle(each);
				return Object.fromEntries(wanted.map((property) => [property, style.getPropertyValue(property)]));
			}), properties);
			seen[`${name} ${forcedColors}`] = {
				verdict: await of("#verdict", "border-inline-start-style", "border-inline-start-width", "color"),
				share: await of("#destinations .share", "border-top-style", "border-top-width", "color", "background-color"),
				words: await page.locator("#destinations .share").allInnerTexts(),
				lines: await of("#destinations .line", "border-left-style", "border-left-width", "border-left-color"),
				levels: await of("#strip .level", "stroke-dasharray", "stroke-width", "stroke"),
				parts: await of("#destinations .part", "background-color", "background-image"),
				meters: await of("#destinations .meter", "background-color", "outline-style", "outline-width") };
			if (known.pictures) {
				await page.screenshot({ path: `${known.pictures}/level-${name}-${forcedColors}.png` });
			}
		}
	}
	return seen;
}
