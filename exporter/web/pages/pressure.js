/* SPDX-License-Identifier: Apache-2.0 */
/* How bad a destination's share is. */

/* From here on connect() has tried the ports of one parity in vain, and tries the others. */
export const SLOW = 0.5;
export const FULL = 1;

/* {level: as the style sheet has it, words: what connect() does, or ""} */
export function pressure(ratio) {
	if (ratio >= FULL) {
		return { level: "full", words: "connect() fails" };
	}
	return ratio >= SLOW ? { level: "half", words: "connect() is slow" } : { level: "low", words: "" };
}
