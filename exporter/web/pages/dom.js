/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says goes into the page as text only, here and nowhere else. */

/*
 * What turns the text around it, breaks a line or is not seen, as U+FFFD: the name that somebody gave a
 * process must not be read as another. The terminal's table is in exporter/base/text.c.
 */
const MISLEADING = /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

const visible = (text) => text.replace(MISLEADING, "\ufffd");

export const byId = (id) => document.getElementById(id);

/* children: nodes, or strings, which become text. */
export function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		made.setAttribute(key, value);
	}
	made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
	return made;
}

/*
 * Who reads by keyboard or by ear must not be thrown out of a list because it was refreshed,
 * nor what was opened be shut.
 */
export function replaceChildren(parent, ...children) {
	const focused = document.activeElement;
	const key = parent.contains(focused) ? focused.dataset.key : undefined;
	const opened = new Set([...parent.querySelectorAll("details[open]")].map(({ dataset }) => dataset.key));
	parent.replaceChildren(...children);
	for (const details of parent.querySelectorAll("details")) {
		details.open = opened.has(details.dataset.key);
	}
	if (key !== undefined) {
		parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
	}
}

/* Assigning the same text again would make some screen readers say it again. */
export function setText(node, text) {
	const shown = visible(text);
	if (node.textContent !== shown) {
		node.textContent = shown;
	}
}

/* What is selected stays so, and nobody hears the same again. children: as of element(). */
export function replaceIfChanged(parent, ...children) {
	const made = element("p", {}, ...children).childNodes;
	const same = (node, i) => node.isEqualNode(parent.childNodes[i] ?? null);
	if (made.length !== parent.childNodes.length || ![...made].every(same)) {
		parent.replaceChildren(...made);
	}
}

export const count = (number) => number.toLocaleString("en");

export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

export function percent(ratio) {
	if (ratio > 0 && ratio < 0.001) {
		return "under 0.1 %";
	}
	/* Rounded down: 100 % is said of what is full, and of nothing else. */
	const digits = ratio < 0.1 ? 10 : 1;
	return `${count(Math.floor(ratio * 100 * digits) / digits)} %`;
}
