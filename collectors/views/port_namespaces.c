// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_namespaces.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/views/port_side.h"

/* How often the walk is begun again if chains changed too often. */
#define ATTEMPTS 3

struct search {
	struct walk *walk;
	const struct namespace_rows *rows;
	const struct port_asked *asked;
	size_t limit;
	struct port_namespaces *found; /* with a place for each row, while it is searched */
	struct port_namespace **by_id;
	struct port_namespace *last;
};

static int compare_ids(const void *a, const void *b)
{
	const uint32_t first = (*(struct port_namespace *const *)a)->row->id;
	const uint32_t second = (*(struct port_namespace *const *)b)->row->id;

	return first < second ? -1 : first > second;
}

static struct port_namespace *find(struct search *search, uint32_t id)
{
	const struct namespace_row row = {.id = id};
	struct port_namespace wanted = {.row = &row};
	struct port_namespace *key = &wanted;
	struct port_namespace **place;

	if (search->last && search->last->row->id == id)
		return search->last;
	place = bsearch(&key, search->by_id, search->rows->length, sizeof(struct port_namespace *),
	    compare_ids);
	if (place)
		search->last = *place;
	return place ? *place : NULL;
}

static int observe(void *context, const struct socket *socket)
{
	struct search *search = context;
	struct port_namespace *namespace;

	if (!port_asked_has_local(search->asked, socket) &&
	    !port_asked_has_remote(search->asked, socket))
		return 0;
	namespace = find(search, socket->namespace_id);
	return namespace ? port_side_keep(&namespace->side, socket, search->limit) : 0;
}

static int ignore_held(void *context, uint32_t namespace_id, uint16_t port)
{
	(void)context;
	(void)namespace_id;
	(void)port;
	return 0;
}

/* The table that most namespaces share, and those that some have for themselves. */
static int list_tables(struct search *search, enum walk_table table, uint32_t own_table)
{
	const struct portset *ports = table == WALK_CONNECTED ? &search->asked->ports : NULL;
	const struct walk_sink sink = {observe, NULL, search, ignore_held};
	int result = walk_list_all(search->walk, table, 0, ports, &sink);

	for (size_t i = 0; i < search->rows->length && result == 0; i++) {
		const struct namespace_row *row = &search->rows->list[i];

		if (!(row->flags & own_table))
			continue;
		result = walk_list_all(search->walk, table, row->id, ports, &sink);
		/* It is gone, with all that it had. */
		if (result == -ESRCH)
			result = 0;
	}
	return result;
}

static void begin(struct search *search)
{
	search->last = NULL;
	for (size_t i = 0; i < search->rows->length; i++) {
		free(search->found->list[i].side.list);
		search->found->list[i] = (struct port_namespace){.row = &search->rows->list[i]};
	}
}

static int list_all(struct search *search)
{
	int result;

	begin(search);
	result = list_tables(search, WALK_LISTENERS, 0);
	if (result == 0)
		result = list_tables(search, WALK_BINDS, 0);
	if (result == 0)
		result = list_tables(search, WALK_CONNECTED, WALK_OWN_TCP_TABLE);
	if (result == 0 && walk_has_udp(search->walk))
		result = list_tables(search, WALK_UDP, WALK_OWN_UDP_TABLE);
	return result;
}

static int prepare(struct search *search)
{
	const size_t length = search->rows->length;

	search->found = calloc(1, sizeof(*search->found));
	search->by_id = calloc(length + 1, sizeof(struct port_namespace *));
	if (!search->found || !search->by_id)
		return -ENOMEM;
	search->found->list = calloc(length + 1, sizeof(*search->found->list));
	if (!search->found->list)
		return -ENOMEM;
	search->found->length = length;
	begin(search);
	for (size_t i = 0; i < length; i++)
		search->by_id[i] = &search->found->list[i];
	qsort(search->by_id, length, sizeof(struct port_namespace *), compare_ids);
	return 0;
}

/* Keeps those that have something. */
static void finish(struct port_namespaces *found)
{
	size_t kept = 0;

	for (size_t i = 0; i < found->length; i++)
		if (found->list[i].side.total)
			found->list[kept++] = found->list[i];
	found->length = kept;
}

int port_namespaces_find(struct walk *walk, const struct namespace_rows *rows,
    const struct port_asked *asked, size_t limit, struct port_namespaces **ret_found)
{
	struct search search = {.walk = walk, .rows = rows, .asked = asked, .limit = limit};
	int result = prepare(&search);

	if (result == 0)
		result = -ENOBUFS;
	for (int attempt = 0; attempt < ATTEMPTS && result == -ENOBUFS; attempt++)
		result = list_all(&search);
	free(search.by_id);
	if (result < 0) {
		port_namespaces_free(search.found);
		return result;
	}
	finish(search.found);
	*ret_found = search.found;
	return 0;
}

int port_namespaces_count_others(
    struct walk *walk, const struct port_asked *asked, size_t *ret_others)
{
	struct namespace_rows *rows;
	struct port_namespaces *found;
	size_t others = 0;
	int result = namespace_rows_list(walk, &rows);

	if (result == 0) {
		result = port_namespaces_find(walk, rows, asked, 1, &found);
		if (result == 0) {
			for (size_t i = 0; i < found->length; i++)
				others += !(found->list[i].row->flags & WALK_READER);
			port_namespaces_free(found);
			*ret_others = others;
		}
		namespace_rows_free(rows);
	}
	return result;
}

void port_namespaces_free(struct port_namespaces *found)
{
	if (!found)
		return;
	for (size_t i = 0; found->list && i < found->length; i++)
		free(found->list[i].side.list);
	free(found->list);
	free(found);
}
