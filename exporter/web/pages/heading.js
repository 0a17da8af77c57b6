/* SPDX-License-Identifier: Apache-2.0 */
/* The heading and the title: of which host this is, and how it is. */
import { byId, setText } from "./dom.js";

const host = document.body.dataset.host;
let [where, state] = [host === "" ? "This host" : host, ""];

function show() {
	const separator = where.includes(": ") ? ", " : ": ";
	const words = state === "" ? "" : `${separator}${state}`;
	setText(byId("where"), where);
	setText(byId("state"), words);
	document.title = `${where}${words} – Ephemera`;
}

/* words: of which host or network namespace. How that one is, is not known yet if it is another. */
export function setWhere(words) {
	if (words !== where) {
		[where, state] = [words, ""];
	}
	show();
}

/* words: "443 full". */
export function setState(words) {
	state = words;
	show();
}
