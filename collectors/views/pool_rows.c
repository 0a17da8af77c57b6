// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/pool_rows.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/gather.h"
#include "collectors/registry.h"

extern const struct collector addresses_collector;
extern const struct collector owners_collector;

static const struct collector *const askers[] = {&addresses_collector, &owners_collector};

#define ASKERS (sizeof(askers) / sizeof(askers[0]))
#define ALL ((1u << ASKERS) - 1)

static int look(
    const struct source_options *source_options, const char *sysfs, struct metric_set *set)
{
	unsigned long values[ASKERS][COLLECTOR_FLAGS_MAX] = {{0}};
	const struct gatherer_options options = {
	    .collectors = askers,
	    .length = ASKERS,
	    .enabled = ALL,
	    .values = values,
	    .procfs = source_options->procfs,
	    .sysfs = sysfs,
	    .refresh_sockets = ULONG_MAX,
	};
	struct gathering gathering;
	struct gatherer *gatherer;

	for (size_t i = 0; i < ASKERS; i++)
		for (size_t j = 0; askers[i]->flags[j].name; j++)
			values[i][j] = askers[i]->flags[j].initial;

	int result = gatherer_open(&options, source_options, &gatherer);

	if (result < 0)
		return result;
	/* A collector that fails has no samples, so it gets no rows. */
	result = gather(gatherer, ALL, NULL, NULL, set, &gathering);
	gatherer_free(gatherer);
	return result;
}

static size_t count(const struct metric_set *set, const struct metric_family *family)
{
	size_t length = 0;

	for (size_t at = metric_set_next(set, family, METRIC_FIRST); at != METRIC_END;
	     at = metric_set_next(set, family, at))
		length++;
	return length;
}

static const char *behind(const char *label)
{
	return label + strlen(label) + 1;
}

static int take_pools(struct pool_rows *rows)
{
	const struct metric_family *family =
	    collector_family(&addresses_collector, "ephemera_address_ports");

	rows->list = calloc(count(rows->set, family) + 1, sizeof(*rows->list));
	if (!rows->list)
		return -ENOMEM;
	for (size_t at = metric_set_next(rows->set, family, METRIC_FIRST); at != METRIC_END;
	     at = metric_set_next(rows->set, family, at)) {
		struct pool_row *row = &rows->list[rows->length];

		row->protocol = metric_set_labels(rows->set, at);
		row->address = behind(row->protocol);
		row->ports = (unsigned)metric_set_value(rows->set, at);
		if (row->ports)
			rows->length++;
	}
	return 0;
}

static int take_owners(struct pool_rows *rows)
{
	const struct metric_family *family =
	    collector_family(&owners_collector, "ephemera_owner_udp_ports");

	rows->udp_owners = calloc(count(rows->set, family) + 1, sizeof(*rows->udp_owners));
	if (!rows->udp_owners)
		return -ENOMEM;
	for (size_t at = metric_set_next(rows->set, family, METRIC_FIRST); at != METRIC_END;
	     at = metric_set_next(rows->set, family, at)) {
		struct pool_owner *owner = &rows->udp_owners[rows->owners_length++];

		owner->cgroup = metric_set_labels(rows->set, at);
		owner->pod_uid = behind(owner->cgroup);
		owner->container_id = behind(owner->pod_uid);
		owner->ports = (unsigned)metric_set_value(rows->set, at);
	}
	return 0;
}

int pool_rows_read(
    const struct source_options *source, const char *sysfs, struct pool_rows **ret_rows)
{
	struct pool_rows *rows = calloc(1, sizeof(*rows));
	int result = -ENOMEM;

	if (!rows)
		return result;
	rows->set = metric_set_new();
	if (rows->set)
		result = look(source, sysfs, rows->set);
	if (result == 0)
		result = take_pools(rows);
	if (result == 0)
		result = take_owners(rows);
	if (result < 0) {
		pool_rows_free(rows);
		return result;
	}
	*ret_rows = rows;
	return 0;
}

void pool_rows_free(struct pool_rows *rows)
{
	if (!rows)
		return;
	metric_set_free(rows->set);
	free(rows->list);
	free(rows->udp_owners);
	free(rows);
}
