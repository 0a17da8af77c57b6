/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a destination's ports, in words: its service, its pod, or its container, by a short name. */

const SHOWN_OF_ID = 8;

const short = (kind, id) => (id ? `${kind} ${id.slice(0, SHOWN_OF_ID)}…` : undefined);

/* The unit of systemd is the service; what stands behind it is the service's own business. */
const UNIT = /\.(?:service|scope)$/;

/* null: nobody is known. The root is no service: it says of nobody who that is. */
export function ownerName(owner) {
	const parts = (owner?.cgroup ?? "/").split("/").filter((part) => part !== "");
	return short("pod", owner?.pod_uid) ?? short("container", owner?.container_id)
		?? parts.findLast((part) => UNIT.test(part)) ?? parts.at(-1) ?? null;
}

/* What "/" stands for: what a shell starts in a container, or on a host without systemd. */
const ROOT = "processes outside any service (cgroup /)";

/* {words, isMany: they are a plural}; null if there is no owner. What has no name is described. */
export function ownerWords(owner) {
	const name = ownerName(owner);
	if (name !== null) {
		return { words: name, isMany: false };
	}
	if (owner === undefined) {
		return null;
	}
	return owner.cgroup === undefined ? { words: "a cgroup that is gone", isMany: false } : { words: ROOT, isMany: true };
}

/* What stands for it in the address: its name if that is a part of the path, else the path; null if it is not known. */
export function ownerFilter(owner) {
	const path = owner?.cgroup;
	if (path === undefined || !path.startsWith("/")) {
		return null;
	}
	const name = ownerName(owner);
	return { kind: "owner", value: path.split("/").includes(name) ? name : path };
}

/* The words for an owner that the address names. */
export const filterWords = (value) => (value === "/" ? ROOT : value);
