// SPDX-License-Identifier: Apache-2.0
// Plays scenarios on the page of a running exporter, for test_page.py:
//
//	node drive.mjs URL SCENARIO...
//
// By lines of JSON. In: what is known of the host; then one line for each step to go on from.
// Out: {"step": name} where one is to be taken; last {"scenarios": {name: what was seen},
// "failed": {name: error}, "faults": {name: [fault]}}.
import { createInterface } from "node:readline";

import { launch, open } from "./browser.mjs";
import * as alike from "./alike.mjs";
import * as failures from "./failures.mjs";
import * as first from "./first_screen.mjs";
import * as holders from "./holders.mjs";
import * as levels from "./levels.mjs";
import * as links from "./links.mjs";
import * as nameless from "./nameless.mjs";
import * as namespaces from "./namespaces.mjs";
import * as past from "./past.mjs";
import * as polling from "./polling.mjs";
import * as range from "./range.mjs";
import * as scenarios from "./scenarios.mjs";

const [url, ...names] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (value, then) => process.stdout.write(`${JSON.stringify(value)}\n`, then);

async function step(name) {
	say({ step: name });
	await lines.next();
}

const known = JSON.parse((await lines.next()).value);
const told = { scenarios: {}, failed: {}, faults: {} };
const browser = await launch();
for (const name of names) {
	const faults = told.faults[name] = [];
	const pages = [];
	try {
		const openOne = async (options) => {
			const opened = await open(browser, url, faults, options);
			pages.push(opened);
			return opened;
		};
		told.scenarios[name] = await { ...scenarios, ...polling, ...namespaces, ...first, ...past, ...levels, ...links, ...range,
			...failures, ...holders, ...nameless, ...alike }[name]({ open: openOne, step, known });
	} catch (error) {
		told.failed[name] = error.stack;
	}
	await Promise.all(pages.map((page) => page.close()));
}
await browser.close();
// Not before all of it is written.
say(told, () => process.exit());
