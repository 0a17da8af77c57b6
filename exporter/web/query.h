/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_QUERY_H
#define EPHEMERA_QUERY_H

/* Which collectors a scrape's collect[] and exclude[] parameters ask for. */

#include <stdbool.h>

#include "collectors/gather.h"

#define QUERY_ERROR_SIZE 160

/* Set enabled, the rest zero; add every parameter of the query; finish. */
struct query {
	collector_set enabled;
	collector_set collect;
	collector_set exclude;
	bool collects;
	bool excludes;
	char error[QUERY_ERROR_SIZE]; /* what is wrong, or empty */
};

/* value may be NULL. Parameters with other names are ignored. */
void query_add(struct query *query, const char *key, const char *value);

/* Returns false if something is wrong; query->error says what. */
bool query_finish(struct query *query, collector_set *ret_asked);

#endif
