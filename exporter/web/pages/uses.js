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

/* The steps of what is left of TIME_WAIT, in whole seconds. The kernel begins with 60. */
export const WAITS = [
	{ most: 15, words: "up to 15 s" },
	{ most: 30, words: "16 to 30 s" },
	{ most: 45, words: "31 to 45 s" },
	{ most: Infinity, words: "over 45 s" },
];

export const stepOf = (seconds) => WAITS.findIndex(({ most }) => seconds <= most);

/* A row of all 65,536 ports. */
export const COLUMNS = 256;
export const PORTS = 65536;

/* A use that a newer exporter knows and this page does not is shown by its own name. */
export const nameOf = (use) => USES[use]?.name ?? use;
