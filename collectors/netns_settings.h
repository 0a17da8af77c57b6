/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NETNS_SETTINGS_H
#define EPHEMERA_NETNS_SETTINGS_H

/*
 * The settings of network namespaces. Most have the same ones, so each different one is kept once:
 * with its reserved ports it takes 8 KiB.
 */

#include "collectors/bpf/walk.h"
#include "collectors/kernel/settings.h"

struct netns_settings {
	struct kept_settings *first;
};

/* Marks all as not used. */
void netns_settings_begin(struct netns_settings *kept);

/*
 * What a namespace has, as the walk told it. reserved: NULL for none. The answer is valid until
 * netns_settings_end() of a round that did not ask for it. Returns NULL: out of memory.
 */
const struct settings *netns_settings_of(struct netns_settings *kept,
    const struct walk_namespace *entry, const struct portset *reserved,
    struct port_range node_ports);

/* Frees those that were not used since netns_settings_begin(). */
void netns_settings_end(struct netns_settings *kept);

void netns_settings_release(struct netns_settings *kept);

#endif
