/* SPDX-License-Identifier: Apache-2.0 */
/* The network namespaces of the host: which one is shown, and the list to choose another from. */
import { addressOf, readAddress } from "./address.js";
import { byId, count, element, percent, setText } from "./dom.js";
import { setWhere } from "./heading.js";

/* The fullest ones: a longer list is of little help. */
const LISTED = 200;
export const NAMESPACES_PATH = `api/v1/namespaces?limit=${LISTED}`;

/* What people call it, as `ephemera namespaces` does. */
const titleOf = ({ pod, namespace, netns }) => (pod === undefined ? netns : `${namespace ?? "?"}/${pod}`);

/* Names that lead to one namespace each; the exporter's own needs none. */
function nameAll(rows) {
	const times = new Map();
	for (const row of rows) {
		times.set(titleOf(row), (times.get(titleOf(row)) ?? 0) + 1);
	}
	return rows.map((row) => {
		const title = titleOf(row);
		const only = times.get(title) === 1 && !title.startsWith("?/");
		return { row, title, name: row.is_own ? null : only ? title : String(row.inode) };
	});
}

/* "@" is the exporter's own: no name is empty. */
const valueOf = (name) => `@${name ?? ""}`;

export function createChooser() {
	const select = byId("namespace");
	const host = document.body.dataset.host;
	let named = [];
	let total = 0;

	function ownTitle() {
		const own = named.find(({ name }) => name === null)?.row;
		return !own || own.is_host ? "the host’s own network namespace" : "the exporter’s own network namespace";
	}

	function option(value, words) {
		const made = element("option", { value }, words);
		made.selected = value === valueOf(readAddress().namespace);
		return made;
	}

	/* A list that somebody moves through must not change below them. */
	function fill() {
		const { namespace } = readAddress();
		const known = named.some(({ name }) => name === namespace);
		if (document.activeElement === select && known) {
			select.value = valueOf(namespace);
			if (select.value !== "") {
				return;
			}
		}
		select.replaceChildren(
			...known ? [] : [option(valueOf(namespace), namespace ?? ownTitle())],
			...named.map(({ row, title, name }) =>
				/* The name first: a key leads to the options that begin with it. */
				option(valueOf(name), `${name === null ? ownTitle() : title}: ${percent(row.usage_ratio)}`)));
		setText(byId("namespaces-more"), total > named.length
			? `The ${count(named.length)} fullest of ${count(total)}. For another, add @NAME to the address.` : "");
	}

	function sayWhere() {
		const { namespace } = readAddress();
		const title = named.find(({ name }) => name === namespace)?.title ?? namespace;
		const on = host === "" ? "" : `, on ${host}`;
		const words = namespace === null ? `${host === "" ? "This host" : host}: ${ownTitle()} alone` : `${title}${on}`;
		setWhere(words);
	}

	select.addEventListener("change", () => {
		const name = select.value.slice(1);
		location.hash = addressOf(readAddress().port, name === "" ? null : name, null);
	});
	byId("chooser").hidden = false;
	sayWhere();
	fill();

	return {
		/* The answer of NAMESPACES_PATH. */
		show({ namespaces, total: all }) {
			named = nameAll(namespaces);
			total = all;
			fill();
			sayWhere();
		},
		/* The address leads to another one. */
		follow() {
			fill();
			sayWhere();
		},
	};
}
