/* SPDX-License-Identifier: Apache-2.0 */
/* The short name of who has a destination's ports: its service, its pod, or its container. */

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

/* What stands for it in the address: its name if that is a part of the path, else the path; null if it is not known. */
export function ownerFilter(owner) {
	const path = owner?.cgroup;
	if (path === undefined || !path.startsWith("/") || path === "/") {
		return null;
	}
	const name = ownerName(owner);
	return { kind: "owner", value: path.split("/").includes(name) ? name : path };
}
