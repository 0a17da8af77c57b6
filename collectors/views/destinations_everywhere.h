/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATIONS_EVERYWHERE_H
#define EPHEMERA_DESTINATIONS_EVERYWHERE_H

/* The fullest destinations of all network namespaces of the host. */

#include "collectors/views/destination_rows.h"
#include "collectors/views/namespace_rows.h"

struct destination_place {
	uint32_t namespace_id;
	const struct namespace_row *namespace; /* its label */
	struct destination_rows *rows;	       /* of that namespace */
};

struct destination_found {
	const struct destination_place *place;
	const struct destination_row *row;
	double share;
};

struct destinations_everywhere {
	struct namespace_rows *namespaces; /* all */
	struct destination_place *places;  /* as many */
	size_t destinations;		   /* of all that are asked for, shown or not */
	size_t others;			   /* those that are not */
	size_t unsearched;		   /* see struct destination_rows */
	bool lacks_cgroups;
	size_t length;
	struct destination_found *list; /* by share, the highest first */
};

/*
 * Walks over all sockets, once. limit: maximum rows. Returns as namespace_rows_read(). The caller
 * frees the answer with destinations_everywhere_free().
 */
int destinations_everywhere_read(const struct source_options *source, const char *sysfs,
    const char *pods, const char *names, const struct destinations_asked *asked, size_t limit,
    struct destinations_everywhere **ret_found);
/* The destinations of one namespace; NULL: it is gone. */
struct destination_rows *destinations_everywhere_of(
    const struct destinations_everywhere *found, uint32_t namespace_id);
void destinations_everywhere_free(struct destinations_everywhere *found); /* NULL is fine */

#endif
