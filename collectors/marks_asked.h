/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_MARKS_ASKED_H
#define EPHEMERA_MARKS_ASKED_H

/* Whose ports a gathering is asked for: those towards a destination, or those of an owner. */

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "collectors/kernel/socket.h"

#define MARKS_MAX 8	    /* of one gathering */
#define MARK_OWNER_SIZE 512 /* with the final NUL */

struct mark_asked {
	/* As owner_matches() of owner_match.h takes it; "": the destination is asked for. */
	char owner[MARK_OWNER_SIZE];
	enum socket_family family;
	uint16_t port;
	struct socket_address address;
	char interface[IF_NAMESIZE]; /* a name, or the index as text; "": any */
};

struct marks_asked {
	size_t length;
	struct mark_asked list[MARKS_MAX];
};

/* Adds it, unless it is there. One that has no place is left out. */
void marks_asked_add(struct marks_asked *asked, const struct mark_asked *mark);

/* Its place in the list; MARKS_MAX: it is not there. */
size_t marks_asked_find(const struct marks_asked *asked, const struct mark_asked *mark);

/* Whether both ask for the same. */
bool mark_asked_same(const struct mark_asked *a, const struct mark_asked *b);

#endif
