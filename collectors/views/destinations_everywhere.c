// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/destinations_everywhere.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "collectors/metric.h"

static int compare(const void *a, const void *b)
{
	const struct destination_found *first = a;
	const struct destination_found *second = b;
	int result;

	if (first->share != second->share)
		return first->share > second->share ? -1 : 1;
	result = destination_compare(&first->row->destination, &second->row->destination);
	if (result == 0)
		result = first->place->namespace_id < second->place->namespace_id ? -1 : 1;
	return result;
}

/* Takes what the finder of each namespace found. */
static int take_rows(struct gatherer *gatherer, struct destinations_everywhere *found)
{
	struct namespaces *namespaces = gatherer_namespaces(gatherer);
	const size_t length = namespaces_length(namespaces);

	found->places = calloc(length + 1, sizeof(*found->places));
	if (!found->places)
		return -ENOMEM;
	for (size_t i = 0; i < length; i++) {
		const struct netns *netns = namespaces_at(namespaces, i);
		void *state = netns == namespaces_own(namespaces) ? gatherer_state(gatherer, 0)
			      : netns->instance			  ? netns->instance->states[0]
								  : NULL;

		found->places[i].namespace_id = netns->id;
		found->places[i].rows = state ? destination_rows_take(state) : NULL;
	}
	found->namespaces = namespace_rows_take(namespaces);
	return found->namespaces ? 0 : -ENOMEM;
}

static int compare_places(const void *a, const void *b)
{
	const uint32_t first = ((const struct destination_place *)a)->namespace_id;
	const uint32_t second = ((const struct destination_place *)b)->namespace_id;

	return first < second ? -1 : first > second;
}

static void name_places(struct destinations_everywhere *found)
{
	const size_t length = found->namespaces->length;

	qsort(found->places, length, sizeof(*found->places), compare_places);
	for (size_t i = 0; i < length; i++) {
		const struct namespace_row *row = &found->namespaces->list[i];
		const struct destination_place wanted = {.namespace_id = row->id};
		struct destination_place *place =
		    bsearch(&wanted, found->places, length, sizeof(*found->places), compare_places);

		place->namespace = row;
	}
}

static int sort_rows(struct destinations_everywhere *found, uint32_t namespace_id, size_t limit)
{
	size_t all = 0;

	for (size_t i = 0; i < found->namespaces->length; i++)
		all += found->places[i].rows ? found->places[i].rows->length : 0;
	found->list = calloc(all + 1, sizeof(*found->list));
	if (!found->list)
		return -ENOMEM;
	for (size_t i = 0; i < found->namespaces->length; i++) {
		const struct destination_place *place = &found->places[i];
		const struct destination_rows *rows = place->rows;

		if (namespace_id && place->namespace_id != namespace_id)
			continue;
		for (size_t j = 0; rows && j < rows->length; j++) {
			const unsigned used = destination_used(&rows->list[j].destination);

			found->list[found->length++] = (struct destination_found){place,
			    &rows->list[j], rows->capacity ? (double)used / rows->capacity : 1};
		}
		found->destinations += rows ? rows->destinations : 0;
		found->others += rows ? rows->others : 0;
		found->unsearched += rows ? rows->unsearched : 0;
	}
	qsort(found->list, found->length, sizeof(*found->list), compare);
	if (found->length > limit)
		found->length = limit;
	return 0;
}

static int name_owners(struct gatherer *gatherer, struct destinations_everywhere *found)
{
	int result = 0;

	for (size_t i = 0; i < found->length && result == 0; i++) {
		struct destination_rows *rows = found->list[i].place->rows;

		result = destination_rows_name_owners(gatherer_cgroups(gatherer), rows);
		found->lacks_cgroups = found->lacks_cgroups || rows->lacks_cgroups;
	}
	return result;
}

/* Names the owners of all rows, and drops those that are not asked for. */
static int keep_owned(
    struct gatherer *gatherer, struct owner_filter *owners, struct destinations_everywhere *found)
{
	int result = owner_filter_begin(owners, true);

	for (size_t i = 0; i < found->namespaces->length && result == 0; i++) {
		struct destination_rows *rows = found->places[i].rows;

		if (!rows)
			continue;
		result = destination_rows_name_owners(gatherer_cgroups(gatherer), rows);
		if (result == 0)
			destination_rows_keep_owned(rows, owners);
	}
	return result;
}

static int look(struct gatherer *gatherer, const struct destinations_asked *asked, size_t limit,
    struct destinations_everywhere *found)
{
	struct metric_set *set = metric_set_new(); /* nothing goes there that is read */
	struct gathering gathering;
	int result = set ? gather(gatherer, 1, NULL, NULL, set, &gathering) : -ENOMEM;

	metric_set_free(set);
	if (result == 0)
		result = gathering.outcomes[0].error;
	if (result == 0 && !gathering.has_namespaces)
		result = -EOPNOTSUPP;
	if (result == 0)
		result = take_rows(gatherer, found);
	if (result < 0 || !found->namespaces || !found->places)
		return result;
	name_places(found);
	if (asked->owners)
		result = keep_owned(gatherer, asked->owners, found);
	if (result == 0)
		result = sort_rows(found, asked->namespace_id, limit);
	return result == 0 ? name_owners(gatherer, found) : result;
}

int destinations_everywhere_read(const struct source_options *source, const char *sysfs,
    const char *pods, const char *names, const struct destinations_asked *asked, size_t limit,
    struct destinations_everywhere **ret_found)
{
	static const struct collector *const list[] = {&destination_finder};
	const unsigned long values[1][COLLECTOR_FLAGS_MAX] = {
	    {asked->owners ? DESTINATION_ROWS_MAX : limit}};
	const struct namespaces_options all = {.limit = ULONG_MAX, .names = names, .whole = true};
	const struct gatherer_options options = {
	    .collectors = list,
	    .length = 1,
	    .enabled = 1,
	    .wanted = 1,
	    .values = values,
	    .procfs = source->procfs,
	    .sysfs = sysfs,
	    .pods = pods,
	    .refresh_sockets = ULONG_MAX,
	    .peers = asked->peers,
	    .namespaces = &all,
	};
	struct destinations_everywhere *found = calloc(1, sizeof(*found));
	struct gatherer *gatherer = NULL;
	int result = found ? gatherer_open(&options, source, &gatherer) : -ENOMEM;

	if (result == 0)
		result = look(gatherer, asked, limit, found);
	gatherer_free(gatherer);
	if (result < 0)
		destinations_everywhere_free(found);
	else
		*ret_found = found;
	return result;
}

struct destination_rows *destinations_everywhere_of(
    const struct destinations_everywhere *found, uint32_t namespace_id)
{
	for (size_t i = 0; i < found->namespaces->length; i++)
		if (found->places[i].namespace_id == namespace_id)
			return found->places[i].rows;
	return NULL;
}

void destinations_everywhere_free(struct destinations_everywhere *found)
{
	if (!found)
		return;
	for (size_t i = 0; found->namespaces && i < found->namespaces->length; i++)
		destination_rows_free(found->places[i].rows);
	namespace_rows_free(found->namespaces);
	free(found->places);
	free(found->list);
	free(found);
}
