// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/destination_rows.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "collectors/gather.h"
#include "collectors/tables/destination_top.h"

#define DESTINATIONS_MAX 10000000u

struct finder {
	const struct facts *facts;
	struct destination_table *table;
	struct destination_table *abandoned; /* see count_abandoned() */
	struct bound_owners *bound;
	const struct peer_filter *peers;
	size_t limit;
	struct destination_rows *rows;
};

static void finder_release(void *context)
{
	struct finder *finder = context;

	destination_table_free(finder->table);
	destination_table_free(finder->abandoned);
	bound_owners_free(finder->bound);
	destination_rows_free(finder->rows);
}

static int finder_init(void *context, const struct collector_config *config)
{
	struct finder *finder = context;

	finder->facts = config->facts;
	finder->peers = config->peers;
	finder->limit = config->values[0];
	finder->bound = bound_owners_new(config->cgroups, config->facts);
	if (!finder->bound ||
	    destination_table_new(DESTINATIONS_MAX, false, &finder->abandoned) < 0)
		return -ENOMEM;
	return destination_table_new(DESTINATIONS_MAX, true, &finder->table);
}

static void finder_reset(void *context)
{
	struct finder *finder = context;

	destination_table_clear(finder->table);
	destination_table_clear(finder->abandoned);
	bound_owners_reset(finder->bound);
}

/* Of the uses of a port, two keep apart what ends such a connection. */
#define UNACKNOWLEDGED PORT_ACTIVE
#define UNANSWERED PORT_TIME_WAIT

static int count_abandoned(struct finder *finder, const struct socket *socket)
{
	return destination_table_add(finder->abandoned, socket,
	    socket->state == SOCKET_FIN_WAIT2 ? UNANSWERED : UNACKNOWLEDGED);
}

static void take_abandoned(const struct finder *finder, struct destination_row *row)
{
	uint16_t counts[PORT_USES];

	destination_table_count(finder->abandoned, &row->destination, counts);
	row->unacknowledged = counts[UNACKNOWLEDGED];
	row->unanswered = counts[UNANSWERED];
}

static int finder_observe(void *context, const struct socket *socket)
{
	struct finder *finder = context;

	if (!facts_is_leased(finder->facts, socket))
		return bound_owners_observe(finder->bound, socket);
	if (socket->is_abandoned) {
		const int result = count_abandoned(finder, socket);

		if (result < 0)
			return result;
	}
	return destination_table_add(finder->table, socket,
	    port_use_of(socket, &finder->facts->settings, finder->facts->holders.stamps));
}

static int fill(
    const struct finder *finder, struct destination_top *top, struct destination_rows *rows)
{
	struct destination destination;
	int result = 0;

	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		size_t position = 0;

		while (destination_table_next(finder->table, family, &position, &destination)) {
			if (!peer_filter_has(
				finder->peers, family, &destination.address, destination.port)) {
				rows->others++;
				continue;
			}
			destination_table_share(finder->table, rows->capacity, &destination);
			rows->destinations++;
			rows->ports += destination_total(&destination);
			rows->reusable += destination.ports[PORT_REUSABLE];
			destination_top_offer(top, &destination);
		}
	}
	destination_top_sort(top);
	for (size_t i = 0; i < top->length && result == 0; i++) {
		struct destination_row *row = &rows->list[rows->length++];
		struct owner *owners = NULL;

		row->destination = top->list[i];
		take_abandoned(finder, row);
		result = destination_table_list_owners(
		    finder->table, &row->destination, &owners, &row->owned.owners_length);
		row->owned.owners = owners;
	}
	return result;
}

static int finder_finish(void *context)
{
	struct finder *finder = context;
	struct destination_top top;
	struct destination_rows *rows =
	    calloc(1, sizeof(*rows) + finder->limit * sizeof(rows->list[0]));
	int result;

	if (!rows || destination_top_init(&top, finder->limit) < 0) {
		free(rows);
		return -ENOMEM;
	}
	rows->settings = finder->facts->settings;
	rows->capacity = finder->facts->capacity;
	rows->sees_buckets = finder->facts->holders.sees_buckets;
	rows->sees_reuse = finder->facts->holders.tells_reuse;
	result = fill(finder, &top, rows);
	destination_top_release(&top);
	if (result == 0)
		result = bound_owners_list(finder->bound, &rows->bound);
	if (result < 0) {
		destination_rows_free(rows);
		return result;
	}
	destination_rows_free(finder->rows);
	finder->rows = rows;
	return 0;
}

const struct collector destination_finder = {
    .name = "destination finder",
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_TCP,
    .state_size = sizeof(struct finder),
    .init = finder_init,
    .reset = finder_reset,
    .observe = finder_observe,
    .finish = finder_finish,
    .release = finder_release,
};

int destination_finder_open(const struct source_options *source, const char *sysfs,
    const struct peer_filter *peers, struct gatherer **ret_finder)
{
	static const struct collector *const list[] = {&destination_finder};
	static const unsigned long values[1][COLLECTOR_FLAGS_MAX] = {{DESTINATION_ROWS_MAX}};
	const struct gatherer_options options = {
	    .collectors = list,
	    .length = 1,
	    .enabled = 1,
	    .wanted = 1,
	    .values = values,
	    .procfs = source->procfs,
	    .sysfs = sysfs,
	    .peers = peers,
	    .bind_buckets = source->buckets,
	};

	return gatherer_open(&options, source, ret_finder);
}

/* Whose they are, of rows that were found. */
static int finish_rows(struct gatherer *gatherer, const struct destinations_asked *asked,
    struct destination_rows *rows)
{
	int result;

	rows->source = source_used(gatherer_source(gatherer), SOCKET_TCP);
	result = destination_rows_name_owners(gatherer_cgroups(gatherer), rows);
	if (result == 0 && asked->owners)
		result = owner_filter_begin(asked->owners, true);
	if (result == 0 && asked->owners)
		destination_rows_keep_owned(rows, asked->owners);
	return result;
}

int destination_rows_read(const struct source_options *source, const char *sysfs,
    const struct destinations_asked *asked, size_t limit, struct destination_rows **ret_rows)
{
	static const struct collector *const list[] = {&destination_finder};
	const unsigned long values[1][COLLECTOR_FLAGS_MAX] = {
	    {asked->owners ? DESTINATION_ROWS_MAX : limit}};
	const struct gatherer_options options = {
	    .collectors = list,
	    .length = 1,
	    .enabled = 1,
	    .wanted = 1,
	    .values = values,
	    .procfs = source->procfs,
	    .sysfs = sysfs,
	    .refresh_sockets = ULONG_MAX,
	    .peers = asked->peers,
	    .bind_buckets = source->buckets,
	};
	struct gatherer *gatherer;
	struct gathering gathering;
	int result = gatherer_open(&options, source, &gatherer);

	if (result < 0)
		return result;
	result = gather(gatherer, 1, NULL, NULL, NULL, &gathering);
	if (result == 0)
		result = gathering.outcomes[0].error;
	if (result == 0)
		result = finish_rows(
		    gatherer, asked, destination_rows_found(gatherer_state(gatherer, 0)));
	if (result == 0)
		*ret_rows = destination_rows_take(gatherer_state(gatherer, 0));
	gatherer_free(gatherer);
	return result;
}

struct destination_rows *destination_rows_found(void *state)
{
	return ((struct finder *)state)->rows;
}

struct destination_rows *destination_rows_take(void *state)
{
	struct finder *finder = state;
	struct destination_rows *rows = finder->rows;

	finder->rows = NULL;
	return rows;
}

void destination_rows_free(struct destination_rows *rows)
{
	for (size_t i = 0; rows && i < rows->length; i++) {
		free((void *)rows->list[i].owned.owners);
		owner_names_free(rows->list[i].owned.names, rows->list[i].owned.length);
	}
	if (rows)
		owner_names_free(rows->bound.names, rows->bound.length);
	free(rows);
}
