/* SPDX-License-Identifier: Apache-2.0 */
/* What the page's requests cost the host, by what the exporter says of each (Server-Timing). */

export function createTimes() {
	/* What it took to make each answer the last time, by name: not every answer is asked for each time. */
	const making = new Map();

	return {
		/*
		 * answers: {name: {times}} that came together, as getTimed() has them. Returns {look, all}, ms:
		 * they share a look; null if one does not say, or none came.
		 */
		add(answers) {
			let look = 0;
			for (const [name, { times }] of Object.entries(answers)) {
				if (times.walk === undefined) {
					return null;
				}
				look = Math.max(look, times.walk);
				making.set(name, times.render ?? 0);
			}
			return look === 0 ? null : { look, all: [...making.values()].reduce((sum, ms) => sum + ms, look) };
		},
	};
}
