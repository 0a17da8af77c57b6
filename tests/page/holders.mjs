// SPDX-License-Identifier: Apache-2.0
// What the page says of who has a socket: known.answers, of a port by name, are made up.
import { answered } from "./scenarios.mjs";

const PORT = 443;

export async function holders({ open, known }) {
	const seen = {};
	for (const [name, json] of Object.entries(known.answers)) {
		const { page } = await open({ path: `/#${PORT}`, before: (fresh) =>
			fresh.route(`**/api/v1/ports/${PORT}?*`, (route) => route.fulfill({ json })) });
		await answered(page, PORT);
		seen[name] = await page.locator("#answer").innerText();
	}
	return seen;
}
