// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/destination_rows.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "collectors/gather.h"
#include "collectors/tables/destination_top.h"
#include "collectors/tables/owner_table.h"

#define DESTINATIONS_MAX 10000000u

/* The first gathering finds the destinations. It is a collector in no registry. */
struct finder {
	const struct facts *facts;
	struct destination_table *table;
	struct bound_owners *bound;
	size_t limit;
	struct destination_rows *rows;
};

static void finder_release(void *context)
{
	struct finder *finder = context;

	destination_table_free(finder->table);
	bound_owners_free(finder->bound);
	destination_rows_free(finder->rows);
}

static int finder_init(void *context, const struct collector_config *config)
{
	struct finder *finder = context;

	finder->facts = config->facts;
	finder->limit = config->values[0];
	finder->bound = bound_owners_new(config->sysfs, config->facts);
	return finder->bound ? destination_table_new(DESTINATIONS_MAX, &finder->table) : -ENOMEM;
}

static void finder_reset(void *context)
{
	struct finder *finder = context;

	destination_table_clear(finder->table);
	bound_owners_reset(finder->bound);
}

static int finder_observe(void *context, const struct socket *socket)
{
	struct finder *finder = context;

	if (!facts_is_leased(finder->facts, socket))
		return bound_owners_observe(finder->bound, socket);
	return destination_table_add(finder->table, socket,
	    port_use_of(socket, &finder->facts->settings, finder->facts->holders.stamps));
}

static int finder_finish(void *context)
{
	struct finder *finder = context;
	struct destination_top top;
	struct destination destination;
	struct destination_rows *rows =
	    calloc(1, sizeof(*rows) + finder->limit * sizeof(rows->list[0]));

	if (!rows || destination_top_init(&top, finder->limit) < 0) {
		free(rows);
		return -ENOMEM;
	}
	rows->settings = finder->facts->settings;
	rows->capacity = finder->facts->capacity;
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		size_t position = 0;

		while (destination_table_next(finder->table, family, &position, &destination)) {
			destination_table_share(finder->table, rows->capacity, &destination);
			rows->destinations++;
			rows->ports += destination_total(&destination);
			destination_top_offer(&top, &destination);
		}
	}
	destination_top_sort(&top);
	rows->length = top.length;
	for (size_t i = 0; i < top.length; i++)
		rows->list[i].destination = top.list[i];
	destination_top_release(&top);
	rows->sees_buckets = finder->facts->holders.sees_buckets;
	rows->sees_reuse = finder->facts->holders.stamps != NULL;

	const int result = bound_owners_list(finder->bound, &rows->bound);

	if (result < 0) {
		free(rows);
		return result;
	}
	destination_rows_free(finder->rows);
	finder->rows = rows;
	return 0;
}

#define NEEDS_LEASES (NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_TCP)

const struct collector destination_finder = {
    .name = "destination finder",
    .needs = NEEDS_LEASES,
    .state_size = sizeof(struct finder),
    .init = finder_init,
    .reset = finder_reset,
    .observe = finder_observe,
    .finish = finder_finish,
    .release = finder_release,
};

/* The second gathering finds the owners of their ports. */
struct attributor {
	const struct facts *facts;
	struct destination_rows *rows;
	struct keyed {
		const struct destination *destination; /* of row, or the one to find */
		struct destination_row *row;
		struct owner_table *owners;
	} * keyed; /* the rows, sorted by key */
};

static int compare_keyed(const void *a, const void *b)
{
	return destination_compare_key(
	    ((const struct keyed *)a)->destination, ((const struct keyed *)b)->destination);
}

static void attributor_release(void *context)
{
	struct attributor *attributor = context;

	for (size_t i = 0; attributor->keyed && i < attributor->rows->length; i++)
		owner_table_free(attributor->keyed[i].owners);
	free(attributor->keyed);
}

static int attributor_init(void *context, const struct collector_config *config)
{
	((struct attributor *)context)->facts = config->facts;
	return 0;
}

static void attributor_reset(void *context)
{
	struct attributor *attributor = context;

	for (size_t i = 0; i < attributor->rows->length; i++)
		owner_table_clear(attributor->keyed[i].owners);
}

static int attributor_observe(void *context, const struct socket *socket)
{
	struct attributor *attributor = context;
	const struct destination destination = destination_of(socket);
	const struct keyed key = {.destination = &destination};

	if (socket->cgroup_id == 0 || !facts_is_leased(attributor->facts, socket))
		return 0;

	const struct keyed *found =
	    bsearch(&key, attributor->keyed, attributor->rows->length, sizeof(key), compare_keyed);

	return found ? owner_table_add(found->owners, socket->cgroup_id) : 0;
}

static int largest(const struct owner_table *table, struct owner *ret_owner)
{
	size_t length;
	struct owner *list = owner_table_list(table, &length);

	if (!list)
		return -ENOMEM;
	*ret_owner = (struct owner){0};
	for (size_t i = 0; i < length; i++)
		if (list[i].count > ret_owner->count)
			*ret_owner = list[i];
	free(list);
	return 0;
}

static int attributor_finish(void *context)
{
	struct attributor *attributor = context;

	for (size_t i = 0; i < attributor->rows->length; i++) {
		struct destination_row *row = attributor->keyed[i].row;
		struct owner owner;
		const int result = largest(attributor->keyed[i].owners, &owner);

		if (result < 0)
			return result;
		row->owner_ports = (uint32_t)owner.count;
		row->owner_id = owner.cgroup_id;
	}
	return 0;
}

static const struct collector attributor_collector = {
    .name = "destination attributor",
    .needs = NEEDS_LEASES,
    .state_size = sizeof(struct attributor),
    .init = attributor_init,
    .reset = attributor_reset,
    .observe = attributor_observe,
    .finish = attributor_finish,
    .release = attributor_release,
};

static int key_rows(struct attributor *attributor, struct destination_rows *rows)
{
	attributor->rows = rows;
	attributor->keyed = calloc(rows->length ? rows->length : 1, sizeof(*attributor->keyed));
	if (!attributor->keyed)
		return -ENOMEM;
	for (size_t i = 0; i < rows->length; i++) {
		attributor->keyed[i].row = &rows->list[i];
		attributor->keyed[i].destination = &rows->list[i].destination;
		attributor->keyed[i].owners = owner_table_new();
		if (!attributor->keyed[i].owners)
			return -ENOMEM;
	}
	qsort(attributor->keyed, rows->length, sizeof(*attributor->keyed), compare_keyed);
	return 0;
}

static int run(struct gatherer *gatherer)
{
	struct gathering gathering;
	const int result = gather(gatherer, 1, NULL, NULL, NULL, &gathering);

	return result < 0 ? result : gathering.outcomes[0].error;
}

static int new_gatherer(const struct source_options *source_options, const char *sysfs,
    const struct collector *const *collector, const unsigned long values[][COLLECTOR_FLAGS_MAX],
    struct gatherer **ret_gatherer)
{
	const struct gatherer_options options = {
	    .collectors = collector,
	    .length = 1,
	    .enabled = 1,
	    .wanted = 1,
	    .values = values,
	    .procfs = source_options->procfs,
	    .sysfs = sysfs,
	    .refresh_sockets = ULONG_MAX,
	    .bind_buckets = source_options->buckets,
	};

	return gatherer_open(&options, source_options, ret_gatherer);
}

static int find_rows(const struct source_options *source, const char *sysfs, size_t limit,
    struct destination_rows **ret_rows)
{
	static const struct collector *const list[] = {&destination_finder};
	const unsigned long values[1][COLLECTOR_FLAGS_MAX] = {{limit}};
	struct gatherer *gatherer;
	int result = new_gatherer(source, sysfs, list, values, &gatherer);

	if (result < 0)
		return result;
	result = run(gatherer);
	if (result == 0) {
		struct finder *finder = gatherer_state(gatherer, 0);

		*ret_rows = finder->rows;
		finder->rows = NULL;
		if (*ret_rows)
			(*ret_rows)->source = source_used(gatherer_source(gatherer), SOCKET_TCP);
	}
	gatherer_free(gatherer);
	return result;
}

static int count_owners(
    const struct source_options *source, const char *sysfs, struct destination_rows *rows)
{
	static const struct collector *const list[] = {&attributor_collector};
	struct gatherer *gatherer;
	int result = new_gatherer(source, sysfs, list, NULL, &gatherer);

	if (result < 0)
		return result;
	result = key_rows(gatherer_state(gatherer, 0), rows);
	if (result == 0)
		result = run(gatherer);
	gatherer_free(gatherer);
	return result;
}

int destination_rows_add_owners(
    const struct source_options *source, const char *sysfs, struct destination_rows *rows)
{
	int result = count_owners(source, sysfs, rows);

	if (result == 0)
		result = destination_rows_name_owners(sysfs, rows);
	rows->has_owners = result == 0;
	return result;
}

int destination_rows_read(const struct source_options *source, const char *sysfs, size_t limit,
    struct destination_rows **ret_rows)
{
	struct destination_rows *rows = NULL;
	int result = find_rows(source, sysfs, limit, &rows);

	if (!rows)
		return result < 0 ? result : -ENODATA;
	result = destination_rows_add_owners(source, sysfs, rows);
	if (result < 0) {
		destination_rows_free(rows);
		return result;
	}
	*ret_rows = rows;
	return 0;
}

struct destination_rows *destination_rows_found(void *state)
{
	return ((struct finder *)state)->rows;
}

void destination_rows_free(struct destination_rows *rows)
{
	for (size_t i = 0; rows && i < rows->length; i++)
		free(rows->list[i].owner);
	if (rows)
		owner_names_free(rows->bound.names, rows->bound.length);
	free(rows);
}
