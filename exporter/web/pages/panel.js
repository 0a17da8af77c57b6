/* SPDX-License-Identifier: Apache-2.0 */
/* The panel that shows what is on one port. */
import { answerNodes } from "./answer.js";
import { byId, element, replaceChildren } from "./dom.js";
import { nameOf } from "./uses.js";

/* useOf(port): what the map says of it, or undefined. */
export function createPanel(useOf) {
	const panel = byId("answer");
	let drawn = "";
	/* Whose answer is in the panel; a heading alone or an error is nobody's. */
	let answered = null;

	function render(port, key, use, ...nodes) {
		const selection = getSelection();
		/* Nobody can copy from a text that is replaced meanwhile. */
		const copying = !selection.isCollapsed && panel.contains(selection.anchorNode);
		if (key === drawn || (copying && answered === port)) {
			return;
		}
		drawn = key;
		const badge = use ? [element("span", { class: `use ${use}` }, nameOf(use))] : [];
		replaceChildren(panel, element("h3", {}, `Port ${port}`, ...badge), ...nodes);
	}

	return {
		answer(port, answer) {
			render(port, JSON.stringify(answer), answer.use, ...answerNodes(answer));
			answered = port;
			panel.setAttribute("aria-busy", "false");
		},
		waiting(port) {
			if (answered !== port) {
				render(port, `waiting ${port}`, useOf(port));
				answered = null;
				panel.setAttribute("aria-busy", "true");
			}
		},
		/* The last answer stays where there is one: the page says that it is old. */
		failed(port, message) {
			if (answered !== port) {
				render(port, `${message} ${port}`, useOf(port), element("p", { class: "wrong" }, message));
			}
			panel.setAttribute("aria-busy", "false");
		},
		/* What it shows is nobody's answer now. */
		forget() {
			answered = null;
			drawn = "";
		},
		zero() {
			render(0, "zero", useOf(0), element("p", {}, "No socket can have port 0: for bind() it means “any port”."));
			answered = null;
		},
	};
}
