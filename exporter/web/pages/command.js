/* SPDX-License-Identifier: Apache-2.0 */
/* A command to copy. */
import { element } from "./dom.js";

/* Its nodes. key: tells the button from others of the same parent. */
export function commandNodes(command, key = "copy") {
	/* It may be too long for a line: let it break where a number ends. */
	const pieces = command.split(/(?<=[=,])/).flatMap((piece) => [piece, element("wbr")]);
	const code = element("code", {}, ...pieces);
	const parts = [element("pre", {}, code)];
	/* Browsers give the clipboard to https and to localhost only. */
	if (navigator.clipboard) {
		const button = element("button", { type: "button", "data-key": key }, "Copy");
		button.addEventListener("click", async () => {
			try {
				await navigator.clipboard.writeText(command);
				button.textContent = "Copied";
			} catch {
				getSelection().selectAllChildren(code);
			}
		});
		parts.push(button);
	}
	return parts;
}

/* The same in a row, behind words that may be "". */
export const commandLine = (words, command, key) => element("div", { class: "command-line" },
	...words === "" ? [] : [element("span", {}, words)], ...commandNodes(command, `copy ${key}`));
