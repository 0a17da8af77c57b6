/* SPDX-License-Identifier: Apache-2.0 */
/* Times of day, as the reader's clock has them, and how long something takes. */

/* 01:55:09 */
export const timeOf = (ms) => new Date(ms).toLocaleTimeString("en-GB");

/* Two of a unit at least, rounded down, as `ephemera port` has it: 119 s, 2 min. */
export function span(seconds) {
	const [size, unit] = [[86400, "days"], [3600, "h"], [60, "min"]]
		.find(([length]) => seconds >= 2 * length) ?? [1, "s"];
	return `${Math.floor(seconds / size)} ${unit}`;
}
