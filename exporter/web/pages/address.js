/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page shows is in its address, so that it can be shared: #PORT, #PORT@NAMESPACE or
 * #@NAMESPACE. Without a namespace it is the exporter's own.
 */

const hasNamespaces = document.body.dataset.namespaces === "on";

function decoded(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

/* {port: what stands for one, maybe ""; namespace: a name, or null} */
export function readAddress() {
	const text = location.hash.slice(1);
	const at = hasNamespaces ? text.indexOf("@") : -1;
	return at < 0 ? { port: text, namespace: null }
		: { port: text.slice(0, at), namespace: decoded(text.slice(at + 1)) || null };
}

/* Of a port in the namespace that is shown. */
export function addressOf(port, namespace = readAddress().namespace) {
	/* A slash needs no escape there, and reads better. */
	return `#${port}${namespace === null ? "" : `@${encodeURIComponent(namespace).replaceAll("%2F", "/")}`}`;
}

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
