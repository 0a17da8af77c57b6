/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NETNS_NAMES_H
#define EPHEMERA_NETNS_NAMES_H

/*
 * The names that network namespaces have: those of ip-netns(8) and of container runtimes are files
 * in /run/netns, on which the namespace is mounted, or links to /proc/PID/ns/net, as people make
 * them for Docker's containers. The inode is the namespace's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netns_name {
	uint32_t inode;
	char *name;
	bool is_link;
};

struct netns_names {
	struct netns_name *list; /* sorted by inode, then as netns_names_find() prefers */
	size_t length;
};

/*
 * Whether the name is a number as the kernel gives to namespaces. It is no name then: it could be
 * taken for another namespace's number, now or later.
 */
bool netns_names_is_number(const char *name);

/*
 * Reads the names in directory, such as "/run/netns". If it is not there, or cannot be read, there
 * are none. Frees what names had. Returns 0 or -ENOMEM.
 */
int netns_names_read(const char *directory, struct netns_names *names);
void netns_names_release(struct netns_names *names);

/*
 * The name of that namespace, the first in the order of the alphabet, a link's only if it has no
 * other; NULL: it has none.
 */
const char *netns_names_find(const struct netns_names *names, uint32_t inode);

#endif
