// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/snat_rows.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/snat_series.h"
#include "collectors/tables/destination_top.h"

struct reading {
	const struct snat_asked *asked;
	struct snat_pools *pools;
	struct snat_rows *rows;
	struct destination_top top[SOCKET_PROTOCOLS];
};

static void note(
    struct reading *reading, enum socket_protocol protocol, const struct destination *pool)
{
	struct snat_rows *rows = reading->rows;
	const unsigned range = port_range_size(rows->range);
	const unsigned used = destination_used(pool);

	if (!peer_filter_has(reading->asked->peers, pool->family, &pool->address, pool->port)) {
		rows->others++;
		return;
	}
	rows->pools++;
	rows->ports += destination_total(pool);
	if (used >= range)
		rows->full++;
	else if (used >= range * SNAT_NEARLY_FULL)
		rows->nearly_full++;
	destination_top_offer(&reading->top[protocol], pool);
}

static void choose(struct reading *reading)
{
	for (enum socket_protocol protocol = 0; protocol < SOCKET_PROTOCOLS; protocol++) {
		for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
			struct destination pool;
			size_t position = 0;

			while (snat_pools_next(reading->pools, protocol, family, &position, &pool))
				note(reading, protocol, &pool);
			reading->rows->untracked +=
			    snat_pools_untracked(reading->pools, protocol, family);
		}
		destination_top_sort(&reading->top[protocol]);
	}
}

static int add_clients(const struct reading *reading, struct snat_row *row)
{
	const size_t room = reading->asked->clients;
	int found;

	if (room == 0 || !reading->asked->pools.has_clients)
		return 0;
	row->clients = calloc(room, sizeof(*row->clients));
	if (!row->clients)
		return -ENOMEM;
	found = snat_pools_clients(reading->pools, row->protocol, &row->pool, row->clients, room);
	if (found < 0)
		return found;
	row->clients_length = (size_t)found;
	return 0;
}

static int add_row(
    struct reading *reading, enum socket_protocol protocol, const struct destination *pool)
{
	struct snat_rows *rows = reading->rows;
	const unsigned range = port_range_size(rows->range);
	const unsigned used = destination_used(pool);
	struct snat_row *row = &rows->list[rows->length++];

	*row = (struct snat_row){
	    .protocol = protocol,
	    .pool = *pool,
	    .share = (double)used / range,
	    .loss = snat_loss(used, pool->ports[SNAT_CLOSING], range),
	};
	return add_clients(reading, row);
}

/* The fullest of both protocols: each list is sorted. */
static int merge(struct reading *reading)
{
	size_t next[SOCKET_PROTOCOLS] = {0};
	int result = 0;

	while (reading->rows->length < reading->asked->limit && result == 0) {
		const struct destination *fullest = NULL;
		enum socket_protocol which = 0;

		for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++) {
			const struct destination *pool = &reading->top[i].list[next[i]];

			if (next[i] < reading->top[i].length &&
			    (!fullest || destination_used(pool) > destination_used(fullest))) {
				fullest = pool;
				which = i;
			}
		}
		if (!fullest)
			break;
		next[which]++;
		result = add_row(reading, which, fullest);
	}
	return result;
}

static int visit(void *context, const struct conntrack_entry *entry)
{
	return snat_pools_add(context, entry);
}

static void forget(void *context)
{
	snat_pools_clear(context);
}

static int begin(struct reading *reading)
{
	const size_t limit = reading->asked->limit;
	int result = 0;

	reading->pools = snat_pools_new(&reading->asked->pools);
	reading->rows = calloc(1, sizeof(*reading->rows));
	if (!reading->pools || !reading->rows)
		return -ENOMEM;
	reading->rows->range = reading->asked->pools.ports;
	reading->rows->origin = reading->asked->origin;
	reading->rows->remark = reading->asked->remark;
	reading->rows->list = calloc(limit ? limit : 1, sizeof(*reading->rows->list));
	if (!reading->rows->list)
		return -ENOMEM;
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS && result == 0; i++)
		result = destination_top_init(&reading->top[i], limit);
	return result;
}

int snat_rows_read(
    struct conntrack *conntrack, const struct snat_asked *asked, struct snat_rows **ret_rows)
{
	struct reading reading = {.asked = asked};
	int result = begin(&reading);

	if (result == 0)
		result = conntrack_walk(conntrack, visit, forget, reading.pools);
	if (result == 0) {
		choose(&reading);
		result = merge(&reading);
	}
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++)
		destination_top_release(&reading.top[i]);
	snat_pools_free(reading.pools);
	if (result < 0)
		snat_rows_free(reading.rows);
	else
		*ret_rows = reading.rows;
	return result;
}

void snat_rows_free(struct snat_rows *rows)
{
	if (!rows)
		return;
	for (size_t i = 0; i < rows->length; i++)
		free(rows->list[i].clients);
	free(rows->list);
	free(rows);
}
