/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that tell more than the page does. */
import { readAddress } from "./address.js";
import { endpoint } from "./answer.js";

const PLAIN = /^[\w%+=:,./@-]+$/;

/* Who names a cgroup may not be who copies the command: these would act in a terminal, or hide what is there. */
const ACTS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/* As a shell reads it: brackets and what a cgroup's path may have stand for something there. */
const quoted = (text) => (PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/* flags: {name: value}; undefined: without it, as with a value that must not be copied. */
function command(words, flags) {
	const { namespace } = readAddress();
	const given = Object.entries({ ...flags, namespace: namespace ?? undefined })
		.filter(([, value]) => value !== undefined && !ACTS.test(String(value)));
	return ["ephemera", ...words, ...given.map(([name, value]) => `--${name}=${quoted(String(value))}`)].join(" ");
}

export const adviceCommand = () => command(["advise"], {});

/* All that there are, but no more than the command lists. owner: of these alone, or undefined. */
export const destinationsCommand = (total, owner) =>
	command(["destinations"], { limit: Math.min(total, 1000), by: owner });

export const snatCommand = () => command(["destinations", "--snat"], {});

/* The processes that have ports of a destination: an entry of api/v1/destinations. */
export function processesCommand({ destination, destination_port: port, owner }) {
	/* An address of the command has no interface. */
	const [address] = destination.split("%");
	return command(["port", String(port)], { to: endpoint(address, port), by: owner?.cgroup });
}
