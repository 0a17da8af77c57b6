/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ASKED_LIST_H
#define EPHEMERA_ASKED_LIST_H

/* The network namespaces that one scrape is asked for. */

#include "collectors/gather.h"

#define ASKED_LIST_MAX 16 /* each has views of its own, of some 400 KiB */

struct asked_list {
	size_t length;
	struct netns_asked list[ASKED_LIST_MAX];
};

/*
 * Adds a namespace, as namespaces_match() takes it, and a port of it; 0: none. limit: of sockets,
 * for the port. A name that has no place is left out.
 */
void asked_list_add(struct asked_list *asked, const char *namespace, uint16_t port, size_t limit);

/* Whether that was added, or more. */
bool asked_list_has(
    const struct asked_list *asked, const char *namespace, uint16_t port, size_t limit);

/* The entry of that name; NULL: there is none. */
const struct netns_asked *asked_list_find(const struct asked_list *asked, const char *namespace);

#endif
