// SPDX-License-Identifier: Apache-2.0
// Chromium, and pages of it that note whatever must not happen.
import { chromium } from "playwright-core";

export function launch() {
	// The sandbox needs a user namespace, which the tests' own one rules out. It only sees our page.
	// It asks for hosts of its maker's now and then, A, AAAA and HTTPS at once, from UDP ports that it
	// chooses and the page then shows.
	return chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		chromiumSandbox: false, args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"] });
}

/*
 * A page in a context of its own. Whatever it does wrong is added to faults, as text. all: its map shows
 * all ports, as if that had been chosen before.
 * requests: the paths it asked for, in order.
 */
export async function open(browser, url, faults, { path = "/", before, all = false, ...options } = {}) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
	const page = await context.newPage();
	const requests = [];
	page.on("console", (message) => {
		/* An exporter that is busy says so, and the page asks again. */
		if (message.type() === "error" && !message.text().includes("status of 503")) {
			faults.push(`console: ${message.text()}`);
		}
	});
	page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
	page.on("dialog", (dialog) => {
		faults.push(`dialog: ${dialog.message()}`);
		dialog.dismiss();
	});
	page.on("request", (request) => {
		const asked = new URL(request.url());
		if (asked.origin !== url) {
			faults.push(`asked elsewhere: ${request.url()}`);
		}
		requests.push(asked.pathname);
	});
	await page.addInitScript(() => {
		document.addEventListener("securitypolicyviolation", (event) =>
			console.error(`violation of ${event.violatedDirective}: ${event.blockedURI}`));
	});
	if (all) {
		await page.addInitScript(() => localStorage.setItem("ephemera.map", "all"));
	}
	await before?.(page);
	await page.goto(url + path);
	return { page, requests, close: () => context.close() };
}

/* The first true answer of ask(), or the last one after some seconds. */
export async function until(ask, seconds = 10) {
	const end = Date.now() + seconds * 1000;
	for (;;) {
		const answer = await ask();
		if (answer || Date.now() > end) {
			return answer;
		}
		await new Promise((resolve) => setTimeout(resolve, 30));
	}
}
