// SPDX-License-Identifier: Apache-2.0
#include "collectors/netns_settings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct kept_settings {
	struct kept_settings *next;
	bool is_used;
	bool has_reserved;
	struct settings settings;
};

void netns_settings_begin(struct netns_settings *kept)
{
	for (struct kept_settings *each = kept->first; each; each = each->next)
		each->is_used = false;
}

static bool is_same(
    const struct kept_settings *kept, const struct settings *wanted, const struct portset *reserved)
{
	const struct settings *settings = &kept->settings;

	return settings->range.first == wanted->range.first &&
	       settings->range.last == wanted->range.last &&
	       settings->unprivileged_first_port == wanted->unprivileged_first_port &&
	       settings->time_wait_reuse == wanted->time_wait_reuse &&
	       settings->time_wait_reuse_delay_ms == wanted->time_wait_reuse_delay_ms &&
	       settings->fin_timeout_seconds == wanted->fin_timeout_seconds &&
	       settings->bind_ipv6_only == wanted->bind_ipv6_only &&
	       kept->has_reserved == (reserved != NULL) &&
	       (!reserved || memcmp(&settings->reserved, reserved, sizeof(*reserved)) == 0);
}

static struct kept_settings *keep(
    struct netns_settings *kept, const struct settings *wanted, const struct portset *reserved)
{
	struct kept_settings *each = calloc(1, sizeof(*each));

	if (!each)
		return NULL;
	each->settings = *wanted;
	if (reserved)
		each->settings.reserved = *reserved;
	each->has_reserved = reserved != NULL;
	each->next = kept->first;
	kept->first = each;
	return each;
}

const struct settings *netns_settings_of(struct netns_settings *kept,
    const struct walk_namespace *entry, const struct portset *reserved,
    struct port_range node_ports)
{
	const struct settings wanted = {
	    .range = {entry->first_port, entry->last_port},
	    .unprivileged_first_port = (int)entry->unprivileged_first_port,
	    .time_wait_reuse = (int)entry->time_wait_reuse,
	    /* As in settings.c: before it became a setting, it was a second. */
	    .time_wait_reuse_delay_ms =
		entry->time_wait_reuse_delay_ms ? (int)entry->time_wait_reuse_delay_ms : 1000,
	    .fin_timeout_seconds = (int)(entry->fin_timeout_ms / 1000),
	    .node_ports = node_ports,
	    .bind_ipv6_only = (int)entry->bind_ipv6_only,
	};
	struct kept_settings *each = kept->first;

	while (each && !is_same(each, &wanted, reserved))
		each = each->next;
	if (!each)
		each = keep(kept, &wanted, reserved);
	if (!each)
		return NULL;
	each->is_used = true;
	return &each->settings;
}

static void drop(struct netns_settings *kept, bool all)
{
	struct kept_settings **place = &kept->first;

	while (*place) {
		struct kept_settings *each = *place;

		if (each->is_used && !all) {
			place = &each->next;
			continue;
		}
		*place = each->next;
		free(each);
	}
}

void netns_settings_end(struct netns_settings *kept)
{
	drop(kept, false);
}

void netns_settings_release(struct netns_settings *kept)
{
	drop(kept, true);
}
