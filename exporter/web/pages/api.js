/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the exporter. What goes wrong comes back as an Error whose message can be shown. */

/* A walk of a million sockets takes about a second; a server that hangs must not stop the page. */
const PATIENCE_MS = 30000;

export class Trouble extends Error {}

function words(status, body, path) {
	if (status === 404 && path.includes("namespace=")) {
		return "This network namespace is not there, or no longer. Choose another one.";
	}
	if (status === 404) {
		return "The exporter’s API is off. Start the exporter with --web.enable-api.";
	}
	const said = typeof body?.error === "string" ? body.error : `status ${status}`;
	return status === 503 ? `The exporter is busy: ${said}` : `The exporter refused: ${said}`;
}

/* {name: ms} of a Server-Timing header: "walk;dur=12.3, render;dur=0.4"; {} if there is none. */
function timesOf(header) {
	const times = {};
	for (const [, name, ms] of (header ?? "").matchAll(/([\w-]+)\s*;\s*dur=([\d.]+)/g)) {
		times[name] = Number(ms);
	}
	return times;
}

/* {body, times: how long the exporter took for what, in ms; {} if it does not say}. */
export async function getTimed(path, signal) {
	const limit = AbortSignal.timeout(PATIENCE_MS);
	let response, body;
	try {
		response = await fetch(path, {
			cache: "no-store",
			signal: signal ? AbortSignal.any([signal, limit]) : limit,
		});
		body = await response.json();
	} catch (error) {
		if (signal?.aborted) {
			throw error;
		}
		throw new Trouble(response && !limit.aborted ? `The exporter’s answer (${response.status}) is not JSON.`
			: "The exporter does not answer.");
	}
	if (!response.ok) {
		throw new Trouble(words(response.status, body, path));
	}
	return { body, times: timesOf(response.headers.get("Server-Timing")) };
}

export const get = async (path, signal) => (await getTimed(path, signal)).body;
