// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/namespace_rows.h"

#include <errno.h>
#include <stdlib.h>

static int compare_numbers(double a, double b)
{
	return a > b ? -1 : a < b;
}

int namespace_rows_compare(const void *a, const void *b)
{
	const struct namespace_row *first = a;
	const struct namespace_row *second = b;
	int result = compare_numbers(first->result.ratio, second->result.ratio);

	if (result == 0)
		result = compare_numbers(first->result.used, second->result.used);
	if (result == 0)
		result =
		    compare_numbers((double)first->result.sockets, (double)second->result.sockets);
	return result ? result : -compare_numbers(first->inode, second->inode);
}

struct namespace_row namespace_row_of(const struct netns *netns)
{
	return (struct namespace_row){
	    .labels = netns->labels,
	    .id = netns->id,
	    .inode = netns->entry.inode,
	    .flags = netns->entry.flags,
	    .result = netns->result,
	};
}

struct namespace_rows *namespace_rows_borrow(const struct namespaces *namespaces)
{
	const size_t length = namespaces_length(namespaces);
	struct namespace_rows *rows = calloc(1, sizeof(*rows) + length * sizeof(*rows->list));

	if (!rows)
		return NULL;
	for (size_t i = 0; i < length; i++)
		rows->list[rows->length++] = namespace_row_of(namespaces_at(namespaces, i));
	qsort(rows->list, rows->length, sizeof(*rows->list), namespace_rows_compare);
	return rows;
}

struct namespace_rows *namespace_rows_take(struct namespaces *namespaces)
{
	struct namespace_rows *rows = namespace_rows_borrow(namespaces);

	for (size_t i = 0; rows && i < namespaces_length(namespaces); i++)
		namespaces_at(namespaces, i)->labels = (struct netns_labels){0};
	return rows;
}

int namespace_rows_read(const struct source_options *source, const char *sysfs, const char *pods,
    const char *names, struct namespace_rows **ret_rows)
{
	const struct namespaces_options surveyed = {.names = names};
	const struct gatherer_options options = {
	    .procfs = source->procfs,
	    .sysfs = sysfs,
	    .pods = pods,
	    .namespaces = &surveyed,
	};
	struct gatherer *gatherer;
	struct gathering gathering;
	int result = gatherer_open(&options, source, &gatherer);

	if (result < 0)
		return result;
	result = gather(gatherer, 0, NULL, NULL, NULL, &gathering);
	if (result == 0 && !gathering.has_namespaces)
		result = -EOPNOTSUPP;
	if (result == 0) {
		*ret_rows = namespace_rows_take(gatherer_namespaces(gatherer));
		result = *ret_rows ? 0 : -ENOMEM;
	}
	gatherer_free(gatherer);
	return result;
}

struct rows_listing {
	struct namespace_rows *rows;
	size_t capacity;
};

static int make_room(struct rows_listing *listing, size_t capacity)
{
	struct namespace_rows *grown =
	    realloc(listing->rows, sizeof(*grown) + capacity * sizeof(*grown->list));

	if (!grown)
		return -ENOMEM;
	listing->rows = grown;
	listing->capacity = capacity;
	return 0;
}

static int note(void *context, const struct walk_namespace *entry)
{
	struct rows_listing *listing = context;

	if (listing->rows->length == listing->capacity &&
	    make_room(listing, listing->capacity * 2) < 0)
		return -ENOMEM;
	listing->rows->list[listing->rows->length++] =
	    (struct namespace_row){.id = entry->id, .inode = entry->inode, .flags = entry->flags};
	return 0;
}

int namespace_rows_list(struct walk *walk, struct namespace_rows **ret_rows)
{
	struct rows_listing listing = {NULL, 0};
	int result = make_room(&listing, 64);

	if (result < 0)
		return result;
	listing.rows->length = 0;
	result = walk_list_namespaces(walk, note, &listing);
	if (result < 0)
		free(listing.rows);
	else
		*ret_rows = listing.rows;
	return result;
}

void namespace_rows_free(struct namespace_rows *rows)
{
	for (size_t i = 0; rows && i < rows->length; i++)
		netns_labels_free(&rows->list[i].labels);
	free(rows);
}
