// SPDX-License-Identifier: Apache-2.0
/* The views of the network namespaces that somebody asks for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/namespaces_state.h"

struct netns_viewed {
	struct instance instance;
	struct ports_asked ports; /* of all who ask for this namespace */
	bool is_asked;		  /* for this gathering */
};

void netns_views_choose(struct namespaces *namespaces, const struct gatherer_options *options)
{
	namespaces->viewing = *options;
	namespaces->viewing.enabled = 0;
	namespaces->viewing.procfs = NULL;
	for (size_t i = 0; i < options->length; i++)
		if (collector_set_has(options->enabled, i) && !options->collectors[i]->emit)
			namespaces->viewing.enabled |= (collector_set)1 << i;
}

void netns_views_free(struct netns *netns)
{
	if (netns->viewed)
		instance_release(&netns->viewed->instance);
	free(netns->viewed);
	netns->viewed = NULL;
}

void namespaces_ask(struct namespaces *namespaces, struct netns_asked *list, size_t length)
{
	namespaces->asked = list;
	namespaces->asked_length = length;
}

/* The number in name; 0: it is none. */
static uint32_t inode_in(const char *name)
{
	const size_t length = strlen(name);
	unsigned long long number;

	if (length == 0 || length > 10 || strspn(name, "0123456789") != length)
		return 0;
	number = strtoull(name, NULL, 10);
	return number > UINT32_MAX ? 0 : (uint32_t)number;
}

/* A namespace can have several names. */
static uint32_t inode_of_name(const struct netns_names *names, const char *name)
{
	for (size_t i = 0; i < names->length; i++)
		if (strcmp(names->list[i].name, name) == 0)
			return names->list[i].inode;
	return 0;
}

static const struct netns *find_inode(const struct namespaces *namespaces, uint32_t inode)
{
	for (size_t i = 0; inode && i < namespaces->length; i++)
		if (namespaces->list[i]->entry.inode == inode)
			return namespaces->list[i];
	return NULL;
}

size_t namespaces_match(const struct namespaces *namespaces, const char *name,
    const struct netns **ret_list, size_t room)
{
	const struct netns *only = find_inode(namespaces, inode_of_name(&namespaces->names, name));
	size_t matches = 0;

	if (!only)
		only = find_inode(namespaces, inode_in(name));
	if (only && room > 0)
		ret_list[0] = only;
	if (only)
		return 1;
	for (size_t i = 0; i < namespaces->length; i++) {
		if (!netns_labels_are_of(&namespaces->list[i]->labels, name))
			continue;
		if (matches < room)
			ret_list[matches] = namespaces->list[i];
		matches++;
	}
	return matches;
}

static const struct netns *find_one(const struct namespaces *namespaces, const char *name)
{
	const struct netns *found = NULL;

	return namespaces_match(namespaces, name, &found, 1) == 1 ? found : NULL;
}

static int give_views(struct namespaces *namespaces, struct netns *netns)
{
	int result;

	if (netns->viewed)
		return 0;
	netns->viewed = calloc(1, sizeof(*netns->viewed));
	if (!netns->viewed)
		return -ENOMEM;
	netns->viewed->instance.ports = &netns->viewed->ports;
	result = instance_init(
	    &netns->viewed->instance, &namespaces->viewing, namespaces->cgroups, namespaces->pods);
	if (result < 0)
		netns_views_free(netns);
	return result;
}

static int begin_asked(struct namespaces *namespaces, struct netns_asked *asked)
{
	struct netns *netns;
	int result;

	asked->found = find_one(namespaces, asked->name);
	if (!asked->found)
		return 0;
	netns = namespaces_find(namespaces, asked->found->id);
	result = give_views(namespaces, netns);
	if (result < 0)
		return result;
	netns->viewed->is_asked = true;
	portset_unite(&netns->viewed->ports.ports, &asked->ports.ports);
	if (asked->ports.limit > netns->viewed->ports.limit)
		netns->viewed->ports.limit = asked->ports.limit;
	return 0;
}

int netns_views_begin(struct namespaces *namespaces)
{
	int result = 0;

	for (size_t i = 0; i < namespaces->length; i++) {
		struct netns_viewed *viewed = namespaces->list[i]->viewed;

		if (!viewed)
			continue;
		viewed->is_asked = false;
		viewed->ports = (struct ports_asked){0};
	}
	for (size_t i = 0; i < namespaces->asked_length && result == 0; i++)
		result = begin_asked(namespaces, &namespaces->asked[i]);
	for (size_t i = 0; i < namespaces->length && result == 0; i++) {
		struct netns *netns = namespaces->list[i];

		if (netns->viewed && !netns->viewed->is_asked)
			netns_views_free(netns);
		if (netns->viewed)
			instance_begin(&netns->viewed->instance, namespaces->viewing.enabled,
			    netns->settings, 0);
	}
	return result;
}

struct instance *netns_views_instance(const struct netns *netns)
{
	return netns->viewed ? &netns->viewed->instance : NULL;
}

bool netns_views_lack(struct namespaces *namespaces)
{
	bool lack = false;

	for (size_t i = 0; i < namespaces->asked_length; i++) {
		struct netns_asked *asked = &namespaces->asked[i];
		const struct netns *found = find_one(namespaces, asked->name);

		lack = lack || (found && found != asked->found);
		/* It has become another's, or one of several. */
		if (found != asked->found)
			asked->found = NULL;
	}
	return lack;
}

void netns_views_finish(struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->length; i++)
		if (namespaces->list[i]->viewed)
			instance_emit(&namespaces->list[i]->viewed->instance, NULL);
}

void *netns_view(const struct netns *netns, size_t i, int *ret_error)
{
	const struct instance *instance = netns_views_instance(netns);

	*ret_error = instance ? instance->outcomes[i].error : -ESRCH;
	return *ret_error < 0 ? NULL : instance->states[i];
}
