/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_NAMESPACES_H
#define EPHEMERA_TRACE_NAMESPACES_H

/*
 * `trace --namespace=all`: in which network namespace a call failed, whose that is, and how many
 * failed in each. To find whose they are, the sockets of all are read: at most once a second, and
 * in about a tenth of the time. So a namespace that is new may only have its number for a while.
 */

#include "collectors/bpf/exhaustion.h"
#include "collectors/views/namespace_rows.h"
#include "exporter/commands/options.h"

struct trace_namespaces;

/* options: with source.walk; they must outlive it. NULL: out of memory. */
struct trace_namespaces *trace_namespaces_new(const struct options *options);
void trace_namespaces_free(struct trace_namespaces *namespaces); /* NULL is fine */

/*
 * The namespace of an event, which is counted there. Its result is of the last look; if no look has
 * found the namespace, it is empty, and the label netns is the number. Valid until the next call.
 * NULL: out of memory.
 */
const struct namespace_row *trace_namespaces_count(
    struct trace_namespaces *namespaces, const struct exhausted_event *event);

/* The one that was counted so, without counting; NULL: it has no place of its own. */
const struct namespace_row *trace_namespaces_find(
    const struct trace_namespaces *namespaces, uint32_t id);

/* So many namespaces are counted each for itself. */
#define TRACE_NAMESPACES_MAX 1024

struct traced_namespace {
	struct namespace_row row; /* its labels, as they were known last */
	unsigned long count;
};

/* Those with the most first, at most limit; sets ret_others to what was counted in others. */
const struct traced_namespace *trace_namespaces_list(struct trace_namespaces *namespaces,
    size_t limit, size_t *ret_length, unsigned long *ret_others);

#endif
