// SPDX-License-Identifier: Apache-2.0
// What somebody does with the page. Each returns what was seen; test_page.py says what it must be.
//
// open(options): a page, with the paths that it asked for. known: what test_page.py made,
// known.ports by the use that the map must show.
import { until } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";

export const text = (page, selector) => page.locator(selector).innerText();

export const loaded = (page) => until(() => text(page, "#summary"));

export const answered = (page, port) => until(async () =>
	await page.locator("#answer .meaning").count() > 0
	&& (await text(page, "#answer h3")).split(/\s/)[1] === String(port));

/* Again, as people are told to, where a busy machine gave the search too little time. */
async function ask(page, port) {
	await until(async () => {
		await page.locator("#port").fill(String(port));
		await page.locator("#port").press("Enter");
		await answered(page, port);
		return !(await text(page, "#answer")).includes("ran out of time");
	}, 30);
	return text(page, "#answer");
}

export async function place(page, port) {
	return page.locator("#cells").evaluate((cells, wanted) => {
		const { columns, origin } = cells.dataset;
		const at = () => {
			const box = cells.getBoundingClientRect();
			const cell = box.width / columns;
			return [box.x + ((wanted - origin) % columns + 0.5) * cell, box.y + (Math.floor((wanted - origin) / columns) + 0.5) * cell];
		};
		cells.scrollIntoView({ block: "nearest" });
		/* The map may be higher than the window. */
		const [, y] = at();
		if (y < 0 || y >= innerHeight) {
			scrollBy(0, y - innerHeight / 2);
		}
		return at();
	}, port);
}

export const point = async (page, port) => page.mouse.move(...await place(page, port));

/*
 * The colours in the cells of ports, and those that the style sheet has for uses. A cell has a
 * shape before its ground, and the outline of the range may touch it. A shade of TIME_WAIT is told as
 * the colour of TIME_WAIT.
 */
export const colours = (page, ports) => page.evaluate((wanted) => {
	const canvas = document.getElementById("cells");
	const [cell, columns, origin] = ["cell", "columns", "origin"].map((name) => Number(canvas.dataset[name]));
	const style = getComputedStyle(document.documentElement);
	const value = (name) => style.getPropertyValue(`--${name}`).trim();
	const shades = [0, 1, 2, 3].map((step) => value(`time-wait-${step}`));
	const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
	const pixel = (x, y) => {
		const start = 4 * (y * canvas.width + x);
		return `#${[...data.slice(start, start + 3)].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
	};
	const at = (port) => {
		const found = new Set();
		for (let i = 0; i < cell * cell; i++) {
			found.add(pixel((port - origin) % columns * cell + i % cell,
				Math.floor((port - origin) / columns) * cell + Math.floor(i / cell)));
		}
		return [...found].map((colour) => (shades.includes(colour) ? value("time-wait") : colour));
	};
	const names = ["free", "in-range", "outbound", "time-wait", "listener", "bound", "reserved"];
	return {
		cell,
		painted: Object.fromEntries(wanted.map((port) => [port, at(port)])),
		meant: Object.fromEntries(names.map((name) =>
			[name.replace("-", "_"), value(name)])),
	};
}, ports);

const every = (known) => Object.values(known.ports).flat();

export async function map({ open, known }) {
	const { page } = await open({ all: true, viewport: { width: 1280, height: 1300 } });
	await loaded(page);
	const counts = await page.locator("#legend button").evaluateAll((buttons) => Object.fromEntries(
		buttons.map((button) => [button.dataset.use, button.querySelector(".number").textContent])));
	const tips = {};
	for (const ports of Object.values(known.ports)) {
		await point(page, ports[0]);
		tips[ports[0]] = await text(page, "#tip");
	}
	const inside = Array.from({ length: known.range[1] - known.range[0] + 1 }, (_, i) => known.range[0] + i);
	const spoken = await page.locator("body").ariaSnapshot();
	return { counts, tips, spoken, inside: (await colours(page, inside)).painted,
		colours: await colours(page, every(known)), summary: await text(page, "#summary"),
		zones: await text(page, "#zones"), axis: await page.locator("#axis span").allInnerTexts() };
}

/* What the reader's system asks for, changed while the page is open. */
export async function media({ open, known }) {
	const { page } = await open({ all: true, colorScheme: "dark" });
	await until(() => page.locator("#destinations .part").count());
	const seen = {};
	const look = async (name, wish) => {
		const before = (await colours(page, [100])).painted[100][0];
		await page.emulateMedia(wish);
		await until(async () => (await colours(page, [100])).painted[100][0] !== before, 2);
		seen[name] = await colours(page, every(known));
	};
	const moving = () => page.evaluate(() => [...document.querySelectorAll("button, .part")]
		.filter((element) => getComputedStyle(element).transitionDuration !== "0s").length);
	seen.dark = await colours(page, every(known));
	await look("light", { colorScheme: "light" });
	seen.moving = await moving();
	await page.emulateMedia({ reducedMotion: "reduce" });
	seen.moving_reduced = await moving();
	await look("forced", { colorScheme: "dark", forcedColors: "active" });
	return seen;
}

export async function highlight({ open, known }) {
	const { page } = await open({ all: true });
	await loaded(page);
	const button = page.locator("#legend [data-use=listener]");
	const ports = [known.ports.listener[0], known.ports.outbound[0]];
	const rows = () => page.locator("#used tbody tr").allInnerTexts();
	await page.locator("#used summary").click();
	const seen = { colours: [await colours(page, ports)], pressed: [], rows: [await rows()] };
	for (let press = 0; press < 2; press++) {
		await button.press("Enter");
		seen.pressed.push(await button.getAttribute("aria-pressed"));
		seen.colours.push(await colours(page, ports));
		seen.rows.push(await rows());
	}
	return seen;
}

export async function lookup({ open, known }) {
	const { page } = await open();
	await loaded(page);
	const seen = {};
	for (const [use, ports] of Object.entries(known.ports)) {
		seen[use] = await ask(page, ports[0]);
	}
	seen.destination = await ask(page, known.destination);
	seen.in_range_listener = await ask(page, known.in_range_listener);
	seen.advice = await text(page, "#answer pre code");
	seen.hash = new URL(page.url()).hash;
	return seen;
}

/* What is said of a connection as it ages, and of one that is older than the exporter. */
export async function ages({ open, known }) {
	const { page } = await open();
	await loaded(page);
	const older = await ask(page, known.older);
	await ask(page, known.seen);
	const seen = await until(async () => {
		const said = await text(page, "#answer");
		return /\bfor [1-9]\d* s/.test(said) && said;
	}, 60);
	return { older, seen };
}

export async function keyboard({ open, known }) {
	const { page } = await open({ all: true });
	await loaded(page);
	const seen = { said: [] };
	/* The map must be reached by Tab, like everything else. */
	for (let presses = 0; presses < 50 && seen.reached !== "map"; presses++) {
		await page.keyboard.press("Tab");
		seen.reached = await page.evaluate(() => document.activeElement.id);
	}
	for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "Home", "PageDown", "End",
		"PageUp", "Home", "ArrowLeft", "n"]) {
		await page.keyboard.press(key);
		seen.said.push((await text(page, "#announcement")).match(/\d+/)[0]);
	}
	const port = known.keyboard;
	await page.keyboard.press("Home");
	const row = Math.floor(port / 256);
	for (const [key, times] of [["PageDown", row >> 4], ["ArrowDown", row % 16], ["ArrowRight", port % 256]]) {
		for (let time = 0; time < times; time++) {
			await page.keyboard.press(key);
		}
	}
	seen.found = await text(page, "#announcement");
	await page.keyboard.press("Enter");
	await answered(page, port);
	await until(async () => (await text(page, "#announcement")).length > seen.found.length + 2);
	Object.assign(seen, { spoken: await text(page, "#announcement"), hash: new URL(page.url()).hash,
		focus: await page.evaluate(() => document.activeElement.id),
		typed: await page.locator("#port").inputValue() });
	await page.keyboard.press("n");
	seen.next = await text(page, "#announcement");
	await page.keyboard.press("p");
	seen.previous = await text(page, "#announcement");
	await page.keyboard.press("Escape");
	seen.released = new URL(page.url()).hash;
	return seen;
}

export async function hash({ open, known }) {
	const [first, second] = known.ports.outbound;
	const { page } = await open({ path: `/#${first}` });
	await answered(page, first);
	const loadedWith = await text(page, "#answer");
	await page.evaluate((port) => {
		location.hash = String(port);
	}, second);
	await answered(page, second);
	const followed = await text(page, "#answer");
	await page.goBack();
	await answered(page, first);
	const back = await text(page, "#answer");
	await page.evaluate(() => {
		location.hash = "70000";
	});
	await until(() => text(page, "#port-error"));
	return { loaded: loadedWith, followed, back, wrong: await text(page, "#port-error") };
}

export async function wrong({ open, known }) {
	const { page, requests } = await open();
	await loaded(page);
	const seen = { said: {}, invalid: [] };
	requests.length = 0;
	for (const typed of known.wrong) {
		await page.locator("#port").fill(typed);
		await page.locator("#ask button").click();
		/* The exporter says what is wrong with a text. */
		await until(async () => (await text(page, "#port-error")).includes(typed));
		seen.said[typed] = await text(page, "#port-error");
		seen.invalid.push(await page.locator("#port").getAttribute("aria-invalid"));
	}
	seen.asked = requests.filter((path) => path.startsWith("/api/v1/ports/"));
	seen.described = await page.locator("#port").getAttribute("aria-describedby");
	await ask(page, known.ports.listener[0]);
	seen.right = [await text(page, "#port-error"), await page.locator("#port").getAttribute("aria-invalid")];
	return seen;
}

export async function hostile({ open, known }) {
	const { page } = await open();
	await loaded(page);
	const answer = await ask(page, known.hostile);
	return { answer, elements: await page.locator("main img, main script, main b b").count() };
}

export async function devices({ open, known }) {
	const { page } = await open();
	await loaded(page);
	return { answer: await ask(page, known.devices) };
}

export async function destinations({ open, known }) {
	const { page } = await open();
	await until(() => page.locator("#destinations li").count());
	const item = page.locator("#destinations li").filter({ hasText: `:${known.destination}` });
	const meter = item.getByRole("meter");
	const attributes = {};
	for (const name of ["aria-label", "aria-valuenow", "aria-valuemin", "aria-valuemax", "aria-valuetext"]) {
		attributes[name] = await meter.getAttribute(name);
	}
	const seen = { verdict: await text(page, "#verdict"), words: await text(page, "#destinations-words"),
		item: await item.innerText(), attributes };
	seen.places = await meter.evaluate((track) => {
		const box = track.getBoundingClientRect();
		const share = (selector, side) => {
			const part = track.querySelector(selector).getBoundingClientRect();
			return (part[side] - box.left) / box.width;
		};
		return { active: share(".part.outbound", "right"), all: share(".part.time_wait", "right"),
			half: share(".line.half", "left"), full: share(".line.full", "right") };
	});
	await item.getByRole("link", { name: /^Look up port/ }).click();
	await answered(page, known.destination);
	seen.hash = new URL(page.url()).hash;
	return seen;
}

export async function phone({ open, known }) {
	const seen = {};
	for (const ratio of [1, 3]) {
		const { page } = await open({ all: true, path: `/#${known.in_range_listener}`, viewport: { width: 360, height: 740 },
			deviceScaleFactor: ratio, hasTouch: true, isMobile: true });
		await loaded(page);
		await answered(page, known.in_range_listener);
		await page.locator("#used summary").tap();
		const [width, map, lens] = await page.evaluate(() => [document.documentElement.scrollWidth,
			...["cells", "lens"].map((id) => document.getElementById(id).getBoundingClientRect().width)]);
		await page.touchscreen.tap(...await place(page, known.keyboard));
		await until(() => new URL(page.url()).hash !== `#${known.in_range_listener}`);
		seen[ratio] = { width, map, lens, cell: (await colours(page, [])).cell,
			tapped: Number(new URL(page.url()).hash.slice(1)) };
	}
	return seen;
}

export async function contrast({ open, known }) {
	const seen = {};
	/* A colour on its way to another one is not what is meant. */
	const { page } = await open({ reducedMotion: "reduce" });
	await loaded(page);
	await page.locator("#used summary").click();
	await page.locator("#legend button").first().click();
	for (const colorScheme of ["light", "dark"]) {
		await page.emulateMedia({ colorScheme });
		seen[colorScheme] = [];
		for (const port of [known.in_range_listener, ...known.ports.outbound.slice(0, 1)]) {
			await ask(page, port);
			seen[colorScheme].push(...(await contrasts(page)).slice(0, 5));
		}
		await page.locator("#port").fill("abc");
		await page.locator("#ask button").click();
		await page.evaluate(() => {
			document.getElementById("trouble").hidden = false;
			document.getElementById("trouble").textContent = "The exporter does not answer.";
		});
		seen[colorScheme].push(...(await contrasts(page)).slice(0, 5));
	}
	return seen;
}

/* The page of an exporter without the API. */
export async function off({ open }) {
	const { page, requests } = await open({ viewport: { width: 360, height: 740 } });
	return { text: await text(page, "body"), requests, contrasts: (await contrasts(page)).slice(0, 1),
		width: await page.evaluate(() => document.documentElement.scrollWidth),
		links: await page.locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href"))) };
}

/* The host of the picture is made up, and so is what was before the exporter looked: all fills up, bit by bit. */
async function withPast(page) {
	await page.route("**/api/v1/history", async (route) => {
		const answer = await route.fetch();
		const history = await answer.json();
		const [now] = history.samples;
		const before = (seconds) => ({ ...now, time_ms: now.time_ms - 1000 * seconds,
			ports: now.ports.map(([id, used]) => [id, Math.round(used * (1 - seconds / 1300 + Math.sin(seconds * (id + 1) / 90) / 40))]) });
		const past = Array.from({ length: 88 }, (_, i) => before(880 - 10 * i));
		await route.fulfill({ headers: { "Server-Timing": answer.headers()["server-timing"] },
			json: { ...history, samples: [...past, ...history.samples] } });
	});
}

/* Not a test: docs/images, by the script `screenshot`. */
export async function picture({ open, known }) {
	const { page } = await open({ path: `/#${known.port}`, before: withPast, viewport: { width: 1280, height: 1960 } });
	await loaded(page);
	await answered(page, known.port);
	await until(() => page.locator("#destinations li").count());
	await page.screenshot({ path: known.file, animations: "disabled" });
	return true;
}
