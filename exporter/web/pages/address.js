/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page shows is in its address, so that it can be shared:
 *
 *	#[PORT][@NAMESPACE][&to=ADDRESS:PORT | &owner=OWNER]
 *
 * each part if there is one. The first "&" is left out where nothing stands before it: #to=10.0.0.1:443.
 * NAMESPACE and OWNER are written as in a query; an address of IPv6 stands in brackets. Without a
 * namespace it is the exporter's own. PORT is looked up. The map shows the ports towards a destination
 * alone, or those of an owner.
 */

const hasNamespaces = document.body.dataset.namespaces === "on";

const FILTERS = ["to", "owner"];

function decoded(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

/* A slash, a colon and brackets need no escape there, and read better. */
const encoded = (text) => encodeURIComponent(text).replaceAll("%2F", "/").replaceAll("%3A", ":")
	.replaceAll("%5B", "[").replaceAll("%5D", "]");

function filterOf(part) {
	const kind = FILTERS.find((name) => part.startsWith(`${name}=`));
	const value = kind === undefined ? "" : decoded(part.slice(kind.length + 1));
	return value === "" ? null : { kind, value };
}

/*
 * {port: what stands for one, maybe ""; namespace: a name, or null; filter: {kind: "to" or "owner",
 * value}, or null}
 */
export function readAddress() {
	const parts = location.hash.slice(1).split("&");
	const filters = parts.map(filterOf);
	const filter = filters.find((found) => found !== null) ?? null;
	const text = filters[0] === null && !FILTERS.some((name) => parts[0].startsWith(`${name}=`)) ? parts[0] : "";
	const at = hasNamespaces ? text.indexOf("@") : -1;
	return at < 0 ? { port: text, namespace: null, filter }
		: { port: text.slice(0, at), namespace: decoded(text.slice(at + 1)) || null, filter };
}

/* Of a port in the namespace that is shown, with the filter that is. filter: as in readAddress(). */
export function addressOf(port, namespace = readAddress().namespace, filter = readAddress().filter) {
	const first = `${port}${namespace === null ? "" : `@${encoded(namespace)}`}`;
	const second = filter === null ? "" : `${filter.kind}=${encoded(filter.value)}`;
	return `#${first}${first !== "" && second !== "" ? "&" : ""}${second}`;
}

/* The port stays; filter: as in readAddress(). */
export const addressOfFilter = (filter) => addressOf(readAddress().port, readAddress().namespace, filter);

/* path, for the namespace that is shown. */
export function asked(path) {
	const { namespace } = readAddress();
	if (namespace === null) {
		return path;
	}
	return `${path}${path.includes("?") ? "&" : "?"}namespace=${encodeURIComponent(namespace)}`;
}

/* Changes the address without a step to go back to. */
export const replaceAddress = (address) =>
	history.replaceState(null, "", location.pathname + location.search + (address === "#" ? "" : address));
