// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/top_rows.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/namespaces_text.h"
#include "exporter/base/text.h"

/* A rate settles in about this time: long enough to be read, short enough to be of now. */
#define RATE_SECONDS 5.0
/* Slower than this is no growth that one could wait for. */
#define RATE_LEAST 0.05

const char *top_sort_name(enum top_sort sort)
{
	static const char *const names[TOP_SORTS] = {"share", "change", "active", "TIME_WAIT"};

	return names[sort];
}

double top_row_share(const struct top_row *row)
{
	return row->usable ? (double)row->used / row->usable : 1;
}

double top_row_seconds_left(const struct top_row *row)
{
	if (row->used >= row->usable)
		return 0;
	if (!row->has_rate || row->rate < RATE_LEAST)
		return -1;
	return (row->usable - row->used) / row->rate;
}

static char *copy(const char *text)
{
	char *made = strdup(text);

	/* Others name interfaces and cgroups. */
	if (made)
		text_make_printable(made);
	return made;
}

static int set_texts(struct top_row *row, const char *name, const char *from, const char *owner)
{
	row->name = copy(name);
	row->from = copy(from);
	row->owner = copy(owner);
	return row->name && row->from && row->owner ? 0 : -ENOMEM;
}

static int take_destination(
    const struct destination_row *found, unsigned usable, struct top_row *row)
{
	const struct destination *destination = &found->destination;
	const struct owner_name *most =
	    found->owned.length ? &found->owned.names[found->shown_owner] : NULL;
	char address[SOCKET_ADDRESS_TEXT];
	char endpoint[SOCKET_ENDPOINT_TEXT];
	char source[SOCKET_ADDRESS_TEXT];

	socket_address_format(
	    &destination->address, destination->family, destination->interface, address);
	socket_endpoint_format(address, destination->family, destination->port, endpoint);
	destination_source_format(destination, source);
	row->used = destination_used(destination);
	row->usable = usable;
	row->active = destination->ports[PORT_ACTIVE];
	row->time_wait =
	    (unsigned long)destination->ports[PORT_TIME_WAIT] + destination->ports[PORT_REUSABLE];
	row->owner_ports = most ? most->count : 0;
	return set_texts(
	    row, endpoint, source, most && owner_name_is_known(most) ? most->path : "");
}

int top_rows_of_destinations(
    const struct destination_rows *rows, const struct timespec *now, struct top_rows *ret_rows)
{
	struct top_rows made = {
	    .looked = *now,
	    .others = rows->destinations - rows->length,
	    .list = calloc(rows->length + 1, sizeof(*made.list)),
	};
	int result = made.list ? 0 : -ENOMEM;

	for (size_t i = 0; i < rows->length && result == 0; i++)
		result =
		    take_destination(&rows->list[i], rows->capacity, &made.list[made.length++]);
	if (result < 0) {
		top_rows_free(&made);
		return result;
	}
	*ret_rows = made;
	return 0;
}

static int take_namespace(const struct namespace_row *found, struct top_row *row)
{
	char title[NAMESPACE_TITLE];
	char fullest[NAMESPACE_TITLE] = "";

	namespace_title(found, title);
	if (found->result.used)
		namespace_destination_format(&found->result.fullest, fullest);
	row->namespace_id = found->id;
	row->used = found->result.used;
	row->usable = found->result.usable;
	row->active = found->result.sockets - found->result.time_wait;
	row->time_wait = found->result.time_wait;
	return set_texts(row, title, fullest, "");
}

int top_rows_of_namespaces(
    const struct namespace_rows *rows, const struct timespec *now, struct top_rows *ret_rows)
{
	struct top_rows made = {
	    .looked = *now,
	    .are_namespaces = true,
	    .list = calloc(rows->length + 1, sizeof(*made.list)),
	};
	int result = made.list ? 0 : -ENOMEM;

	for (size_t i = 0; i < rows->length && result == 0; i++)
		result = take_namespace(&rows->list[i], &made.list[made.length++]);
	if (result < 0) {
		top_rows_free(&made);
		return result;
	}
	*ret_rows = made;
	return 0;
}

void top_rows_free(struct top_rows *rows)
{
	for (size_t i = 0; i < rows->length; i++) {
		free(rows->list[i].name);
		free(rows->list[i].from);
		free(rows->list[i].owner);
	}
	free(rows->list);
	*rows = (struct top_rows){0};
}

static int compare_names(const void *first, const void *second)
{
	const struct top_row *a = first;
	const struct top_row *b = second;
	const int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->from, b->from);
}

/* A namespace's source is its fullest destination, which may be another one by now. */
static int compare_rows(const void *first, const void *second)
{
	return strcmp(
	    ((const struct top_row *)first)->name, ((const struct top_row *)second)->name);
}

static void set_rate(struct top_row *row, const struct top_row *earlier, double seconds)
{
	const double rate = ((double)row->used - (double)earlier->used) / seconds;
	const double weight = 1 - exp(-seconds / RATE_SECONDS);

	row->rate = earlier->has_rate ? earlier->rate + (rate - earlier->rate) * weight : rate;
	row->has_rate = true;
}

void top_rows_compare(struct top_rows *rows, struct top_rows *earlier)
{
	const double seconds = (double)(rows->looked.tv_sec - earlier->looked.tv_sec) +
			       (double)(rows->looked.tv_nsec - earlier->looked.tv_nsec) / 1e9;
	int (*const compare)(const void *, const void *) =
	    rows->are_namespaces ? compare_rows : compare_names;

	if (rows->length)
		qsort(rows->list, rows->length, sizeof(*rows->list), compare);
	if (earlier->length)
		qsort(earlier->list, earlier->length, sizeof(*earlier->list), compare);
	if (seconds <= 0 || rows->are_namespaces != earlier->are_namespaces)
		return;
	for (size_t i = 0; i < rows->length; i++) {
		const struct top_row *found =
		    earlier->length ? bsearch(&rows->list[i], earlier->list, earlier->length,
					  sizeof(*earlier->list), compare)
				    : NULL;

		if (found)
			set_rate(&rows->list[i], found, seconds);
	}
}

static double key_of(const struct top_row *row, enum top_sort sort)
{
	switch (sort) {
	case TOP_BY_CHANGE:
		return row->has_rate ? row->rate : 0;
	case TOP_BY_ACTIVE:
		return (double)row->active;
	case TOP_BY_TIME_WAIT:
		return (double)row->time_wait;
	default:
		return top_row_share(row);
	}
}

static int compare_keys(const void *first, const void *second, void *context)
{
	const enum top_sort sort = *(const enum top_sort *)context;
	const double a = key_of(first, sort);
	const double b = key_of(second, sort);

	if (a != b)
		return a > b ? -1 : 1;
	return compare_names(first, second);
}

void top_rows_sort(struct top_rows *rows, enum top_sort sort)
{
	if (rows->length)
		qsort_r(rows->list, rows->length, sizeof(*rows->list), compare_keys, &sort);
}

bool top_row_matches(const struct top_row *row, const char *filter)
{
	return strcasestr(row->name, filter) || strcasestr(row->from, filter) ||
	       strcasestr(row->owner, filter);
}
