/* SPDX-License-Identifier: Apache-2.0 */
/* What a port can be used for: the API's name, and ours in words. In the order of the legend. */

export const USES = {
	outbound: { name: "outbound", words: "outbound" },
	time_wait: { name: "TIME_WAIT", words: "in TIME_WAIT" },
	listener: { name: "listener", words: "with a listener" },
	bound: { name: "bound", words: "bound" },
	reserved: { name: "reserved", words: "reserved" },
	free: { name: "free", words: "free" },
};

export const COLUMNS = 256;
export const PORTS = 65536;

/* A use that a newer exporter knows and this page does not is shown by its own name. */
export const nameOf = (use) => USES[use]?.name ?? use;
