// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_namespaces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/kernel/clock.h"
#include "exporter/base/time_share.h"

#define LOOK_SECONDS 1.0
#define LOOK_SHARE 0.1
#define LOOK_BURST_SECONDS 0.5

struct trace_namespaces {
	const struct options *options;
	struct namespace_rows *rows; /* NULL before the first look */
	struct timespec looked;
	struct time_share look_time;
	uint32_t own_inode;
	size_t length;
	unsigned long others;
	struct traced_namespace list[TRACE_NAMESPACES_MAX];
};

struct trace_namespaces *trace_namespaces_new(const struct options *options)
{
	struct trace_namespaces *namespaces = calloc(1, sizeof(*namespaces));
	struct stat about;

	if (!namespaces)
		return NULL;
	namespaces->options = options;
	if (stat("/proc/self/ns/net", &about) == 0)
		namespaces->own_inode = (uint32_t)about.st_ino;
	return namespaces;
}

void trace_namespaces_free(struct trace_namespaces *namespaces)
{
	if (!namespaces)
		return;
	for (size_t i = 0; i < namespaces->length; i++)
		netns_labels_free(&namespaces->list[i].row.labels);
	namespace_rows_free(namespaces->rows);
	free(namespaces);
}

static bool is_due(struct trace_namespaces *namespaces)
{
	if (namespaces->looked.tv_sec && clock_seconds_since(&namespaces->looked) < LOOK_SECONDS)
		return false;
	return time_share_allows(&namespaces->look_time, LOOK_SHARE, LOOK_BURST_SECONDS);
}

/* Where it fails, what the last look found is what is known. */
static void look(struct trace_namespaces *namespaces)
{
	const struct options *options = namespaces->options;
	struct namespace_rows *rows;

	namespaces->looked = clock_now();
	if (namespace_rows_read(&options->source, options->sysfs, options->pods,
		options->namespaces.names, &rows) == 0) {
		namespace_rows_free(namespaces->rows);
		namespaces->rows = rows;
	}
	time_share_spend(&namespaces->look_time, clock_seconds_since(&namespaces->looked));
}

static const struct namespace_row *find_row(const struct trace_namespaces *namespaces, uint32_t id)
{
	for (size_t i = 0; namespaces->rows && i < namespaces->rows->length; i++)
		if (namespaces->rows->list[i].id == id)
			return &namespaces->rows->list[i];
	return NULL;
}

/* Returns whether there was memory. */
static bool copy_label(char **label, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return false;
	free(*label);
	*label = copy;
	return true;
}

static bool copy_labels(struct netns_labels *labels, const struct netns_labels *from)
{
	return copy_label(&labels->netns, from->netns) &&
	       copy_label(&labels->pod_uid, from->pod_uid) &&
	       copy_label(&labels->namespace_name, from->namespace_name) &&
	       copy_label(&labels->pod, from->pod) &&
	       copy_label(&labels->container, from->container);
}

/* The place of the namespace; the last one is for those that have none of their own. */
static struct traced_namespace *place_of(struct trace_namespaces *namespaces, uint32_t id)
{
	const size_t last = TRACE_NAMESPACES_MAX - 1;

	for (size_t i = 0; i < namespaces->length && i < last; i++)
		if (namespaces->list[i].row.id == id)
			return &namespaces->list[i];
	if (namespaces->length == TRACE_NAMESPACES_MAX)
		return &namespaces->list[last];
	return &namespaces->list[namespaces->length++];
}

static bool set_unknown(const struct trace_namespaces *namespaces, struct namespace_row *row,
    const struct exhausted_event *event)
{
	char number[16];

	/* It had labels while it was there. */
	if (row->id == event->namespace_id && row->labels.netns)
		return true;
	netns_labels_free(&row->labels);
	*row = (struct namespace_row){
	    .id = event->namespace_id,
	    .inode = event->namespace_inode,
	    .flags = event->namespace_inode == namespaces->own_inode ? WALK_READER : 0,
	};
	snprintf(number, sizeof(number), "%u", event->namespace_inode);
	return copy_label(&row->labels.netns, number);
}

const struct namespace_row *trace_namespaces_count(
    struct trace_namespaces *namespaces, const struct exhausted_event *event)
{
	struct traced_namespace *place;
	const struct namespace_row *row;

	if (is_due(namespaces))
		look(namespaces);
	place = place_of(namespaces, event->namespace_id);
	row = find_row(namespaces, event->namespace_id);
	if (row) {
		struct netns_labels labels = place->row.labels;

		if (!copy_labels(&labels, &row->labels)) {
			place->row.labels = labels;
			return NULL;
		}
		place->row = *row;
		place->row.labels = labels;
	} else if (!set_unknown(namespaces, &place->row, event)) {
		return NULL;
	}
	if (place == &namespaces->list[TRACE_NAMESPACES_MAX - 1])
		namespaces->others++;
	else
		place->count++;
	return &place->row;
}

const struct namespace_row *trace_namespaces_find(
    const struct trace_namespaces *namespaces, uint32_t id)
{
	for (size_t i = 0; i < namespaces->length; i++)
		if (namespaces->list[i].row.id == id)
			return &namespaces->list[i].row;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct traced_namespace *first = a;
	const struct traced_namespace *second = b;

	if (first->count != second->count)
		return first->count > second->count ? -1 : 1;
	return first->row.id < second->row.id ? -1 : first->row.id > second->row.id;
}

const struct traced_namespace *trace_namespaces_list(struct trace_namespaces *namespaces,
    size_t limit, size_t *ret_length, unsigned long *ret_others)
{
	size_t length = namespaces->length;

	/* The last place is nobody's. */
	if (length == TRACE_NAMESPACES_MAX)
		length--;
	qsort(namespaces->list, length, sizeof(*namespaces->list), compare);
	*ret_others = namespaces->others;
	for (size_t i = limit; i < length; i++)
		*ret_others += namespaces->list[i].count;
	*ret_length = length < limit ? length : limit;
	return namespaces->list;
}
