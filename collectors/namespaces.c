// SPDX-License-Identifier: Apache-2.0
#include "collectors/namespaces.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/namespaces_state.h"
#include "collectors/node_view.h"

/* Destinations of all namespaces in one walk: 20 to 48 bytes each. */
#define ROOM 2000000u

struct namespaces *namespaces_new(
    const struct gatherer_options *options, struct cgroups *cgroups, struct pods *pods)
{
	struct namespaces *namespaces = calloc(1, sizeof(*namespaces));

	if (!namespaces)
		return NULL;
	namespaces->options = *options->namespaces;
	namespaces->cgroups = cgroups;
	namespaces->host_owners = owner_table_new();
	namespaces->pods = pods;
	namespaces->found = metric_set_new();
	netns_series_choose(namespaces, options);
	netns_views_choose(namespaces, options);
	if (namespaces->host_owners && namespaces->found)
		return namespaces;
	namespaces_free(namespaces);
	return NULL;
}

static void free_instance(struct netns *netns)
{
	if (!netns->instance)
		return;
	instance_release(netns->instance);
	free(netns->instance);
	netns->instance = NULL;
}

static void free_kept(const struct gatherer_options *options, struct netns *netns)
{
	for (size_t i = 0; i < options->length; i++)
		if (options->collectors[i]->release_elsewhere)
			options->collectors[i]->release_elsewhere(netns->kept[i]);
}

void netns_free(const struct namespaces *namespaces, struct netns *netns)
{
	free_instance(netns);
	free_kept(&namespaces->foreign, netns);
	netns_views_free(netns);
	survey_release(&netns->survey);
	netns_labels_free(&netns->labels);
	free(netns);
}

void namespaces_free(struct namespaces *namespaces)
{
	if (!namespaces)
		return;
	for (size_t i = 0; i < namespaces->length; i++)
		netns_free(namespaces, namespaces->list[i]);
	free(namespaces->list);
	free(namespaces->slots);
	netns_settings_release(&namespaces->settings);
	netns_names_release(&namespaces->names);
	owner_table_free(namespaces->host_owners);
	metric_set_free(namespaces->found);
	free(namespaces);
}

static int compare_ids(const void *a, const void *b)
{
	const struct netns *first = *(const struct netns *const *)a;
	const struct netns *second = *(const struct netns *const *)b;

	return first->id < second->id ? -1 : first->id > second->id;
}

static int read_settings(struct namespaces *namespaces, struct source *source, struct netns *netns)
{
	struct portset reserved;
	const struct portset *has = NULL;

	if (netns->entry.flags & WALK_HAS_RESERVED) {
		const int result = source_read_reserved(source, netns->id, &reserved);

		/* If it is gone meanwhile, its sockets are, too. */
		if (result < 0 && result != -ESRCH)
			return result;
		has = result == 0 ? &reserved : NULL;
	}
	netns->settings = netns_settings_of(
	    &namespaces->settings, &netns->entry, has, namespaces->foreign.node_ports);
	return netns->settings ? 0 : -ENOMEM;
}

static int read_all_settings(struct namespaces *namespaces, struct source *source)
{
	int result = 0;

	netns_settings_begin(&namespaces->settings);
	for (size_t i = 0; i < namespaces->length && result == 0; i++)
		result = read_settings(namespaces, source, namespaces->list[i]);
	netns_settings_end(&namespaces->settings);
	return result;
}

static bool is_own(const struct netns *netns)
{
	return netns->entry.flags & WALK_READER;
}

/*
 * By how full they were. One that is shown stays, unless another is fuller by a quarter: otherwise
 * two that are alike would take turns, and a graph would flicker. Those that were chosen blindly
 * have no such right.
 */
static void rank_all(struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->length; i++) {
		struct netns *netns = namespaces->list[i];

		netns->rank = netns->has_result ? netns->result.ratio : 0;
		if (netns->instance && !namespaces->is_blind)
			netns->rank = netns->rank * 1.25 + 0.001;
	}
}

static int compare_ranks(const void *a, const void *b)
{
	const struct netns *first = *(const struct netns *const *)a;
	const struct netns *second = *(const struct netns *const *)b;

	if (first->rank != second->rank)
		return first->rank > second->rank ? -1 : 1;
	return compare_ids(a, b);
}

static int show(struct namespaces *namespaces, struct netns *netns)
{
	int result;

	if (netns->instance)
		return 0;
	netns->instance = calloc(1, sizeof(*netns->instance));
	if (!netns->instance)
		return -ENOMEM;
	result = instance_init(
	    netns->instance, &namespaces->foreign, namespaces->cgroups, namespaces->pods);
	if (result < 0)
		free_instance(netns);
	return result;
}

static int choose(struct namespaces *namespaces)
{
	const size_t limit = namespaces->options.limit;
	size_t shown = 0;
	int result = 0;

	if (namespaces->length == 0)
		return 0;
	rank_all(namespaces);
	namespaces->is_blind = false;
	qsort(namespaces->list, namespaces->length, sizeof(struct netns *), compare_ranks);
	for (size_t i = 0; i < namespaces->length && result == 0; i++) {
		struct netns *netns = namespaces->list[i];

		if (is_own(netns))
			continue;
		if (shown == limit) {
			free_instance(netns);
			namespaces->is_blind =
			    namespaces->is_blind || (limit > 0 && !namespaces->has_results);
			continue;
		}
		result = show(namespaces, netns);
		shown++;
	}
	/* The order of the samples is that in which the namespaces came. */
	qsort(namespaces->list, namespaces->length, sizeof(struct netns *), compare_ids);
	return result;
}

bool namespaces_chose_blindly(const struct namespaces *namespaces)
{
	return namespaces->is_blind;
}

int namespaces_begin(struct namespaces *namespaces, struct source *source, collector_set asked)
{
	int result = netns_list_read(namespaces, source);

	if (result == 0)
		result = read_all_settings(namespaces, source);
	if (result == 0)
		result = choose(namespaces);
	if (result < 0)
		return result;
	namespaces->room = ROOM;
	owner_table_clear(namespaces->host_owners);
	for (size_t i = 0; i < namespaces->length; i++) {
		struct netns *netns = namespaces->list[i];

		survey_begin(&netns->survey, netns->settings);
		if (netns->instance)
			instance_begin(netns->instance, asked, netns->settings, 0);
	}
	return netns_views_begin(namespaces);
}

struct netns *namespaces_own(const struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->length; i++)
		if (is_own(namespaces->list[i]))
			return namespaces->list[i];
	return NULL;
}

int namespaces_view(const struct namespaces *namespaces, struct source *source, unsigned *ret_parts)
{
	return node_view_find(
	    source, namespaces->cgroups, namespaces->pods, namespaces->options.names, ret_parts);
}

size_t namespaces_length(const struct namespaces *namespaces)
{
	return namespaces->length;
}

struct netns *namespaces_at(const struct namespaces *namespaces, size_t i)
{
	return namespaces->list[i];
}

int namespaces_hold(struct netns *netns, uint16_t port)
{
	return survey_hold(&netns->survey, port);
}

int namespaces_observe(
    struct namespaces *namespaces, struct netns *netns, const struct socket *socket)
{
	if (netns->entry.flags & WALK_FIRST && socket->cgroup_id) {
		const int result = owner_table_add(namespaces->host_owners, socket->cgroup_id);

		if (result < 0)
			return result;
	}
	netns_addresses_note(&netns->addresses, socket);
	return survey_observe(&netns->survey, socket, &namespaces->room);
}

int namespaces_finish(struct namespaces *namespaces)
{
	const int result = netns_labels_find_all(namespaces);

	for (size_t i = 0; i < namespaces->length; i++) {
		struct netns *netns = namespaces->list[i];

		survey_finish(&netns->survey, &netns->result);
		netns->has_result = true;
	}
	namespaces->has_results = true;
	return result;
}

void namespaces_reset(struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->length; i++) {
		struct netns *netns = namespaces->list[i];
		struct instance *viewed = netns_views_instance(netns);

		survey_release(&netns->survey);
		if (netns->instance)
			instance_reset(netns->instance);
		if (viewed)
			instance_reset(viewed);
	}
}

void namespaces_fail(struct namespaces *namespaces, unsigned needs, int error)
{
	for (size_t i = 0; i < namespaces->length; i++)
		if (namespaces->list[i]->instance)
			instance_fail(namespaces->list[i]->instance, needs, error);
}
