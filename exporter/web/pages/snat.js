/* SPDX-License-Identifier: Apache-2.0 */
/* The fullest destination of source NAT, and the command that shows all. */
import { endpoint } from "./answer.js";
import { commandLine } from "./command.js";
import { byId, count, plural, setText } from "./dom.js";
import { snatCommand } from "./terminal.js";
import { timeOf } from "./times.js";

function words({ protocol, source, destination, destination_port: port, zone, used, ports, time_ms: time }) {
	const scrape = `At the last scrape, ${timeOf(time)}, `;
	return destination === undefined ? `${scrape}no destination had a noticeable share of its ${plural(ports, "port", "ports")}.`
		: `${scrape}${count(used)} of ${plural(ports, "port", "ports")} from ${source} towards ${protocol} ${endpoint(destination, port)}${zone === undefined ? "" : ` in zone ${zone}`} were used.`;
}

/* snat: of an answer of the summary; undefined: no scrape looked at it. */
export function showSnat(snat) {
	byId("snat").hidden = snat === undefined;
	if (snat !== undefined) {
		setText(byId("snat-words"), words(snat));
		if (byId("snat-command").childElementCount === 0) {
			byId("snat-command").replaceChildren(commandLine("All destinations and their clients, as root:", snatCommand(), "snat"));
		}
	}
}
