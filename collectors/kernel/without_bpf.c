// SPDX-License-Identifier: Apache-2.0
/* Replaces the loading of BPF programs in a build without BPF. */
#include <errno.h>

#include "collectors/kernel/bind_buckets.h"
#include "collectors/kernel/conntrack_table.h"
#include "collectors/kernel/exhaustion_probe.h"
#include "collectors/kernel/lease_probe.h"
#include "collectors/kernel/snat_lost_probe.h"
#include "collectors/kernel/walk.h"

#define NO_BPF "this build has no BPF: EPHEMERA_BPF was off, or clang or bpftool was missing"

int exhaustion_probe_open(const struct exhaustion_probe_options *options,
    struct exhaustion_probe *ret_probe, const char **ret_reason)
{
	(void)options;
	(void)ret_probe;
	*ret_reason = NO_BPF;
	return -ENOSYS;
}

void exhaustion_probe_close(struct exhaustion_probe *probe)
{
	(void)probe;
}

void exhaustion_probe_stop(struct exhaustion_probe *probe)
{
	(void)probe;
}

int exhaustion_probe_misses(
    const struct exhaustion_probe *probe, enum exhausted_call call, uint64_t *ret_misses)
{
	(void)probe;
	(void)call;
	(void)ret_misses;
	return -ENODATA;
}

int exhaustion_events_open(struct exhaustion_probe *probe,
    int (*each)(void *context, const struct exhausted_event *event), void *context,
    struct exhaustion_events **ret_events)
{
	(void)probe;
	(void)each;
	(void)context;
	(void)ret_events;
	return -ENOSYS;
}

int exhaustion_events_wait(struct exhaustion_events *events, int timeout_ms)
{
	(void)events;
	(void)timeout_ms;
	return -ENOSYS;
}

void exhaustion_events_close(struct exhaustion_events *events)
{
	(void)events;
}

int bind_buckets_open(struct bind_buckets **ret_buckets, const char **ret_reason)
{
	(void)ret_buckets;
	*ret_reason = NO_BPF;
	return -ENOSYS;
}

void bind_buckets_close(struct bind_buckets *buckets)
{
	(void)buckets;
}

int bind_buckets_list(struct bind_buckets *buckets, struct port_range range,
    int (*batch)(void *context), void *context, struct buckets_found *found)
{
	(void)buckets;
	(void)batch;
	(void)context;
	(void)range;
	(void)found;
	return -ENOSYS;
}

int conntrack_table_open(int file, struct conntrack_table **ret_table, const char **ret_reason)
{
	(void)file;
	(void)ret_table;
	*ret_reason = NO_BPF;
	return -ENOSYS;
}

void conntrack_table_close(struct conntrack_table *table)
{
	(void)table;
}

int conntrack_table_walk(struct conntrack_table *table,
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context)
{
	(void)table;
	(void)visit;
	(void)context;
	return -ENOSYS;
}

int lease_probe_open(const struct lease_probe_options *options, const struct lease_probe_sink *sink,
    struct lease_probe **ret_probe, const char **ret_reason)
{
	(void)options;
	(void)sink;
	(void)ret_probe;
	*ret_reason = NO_BPF;
	return -ENOSYS;
}

void lease_probe_close(struct lease_probe *probe)
{
	(void)probe;
}

int lease_probe_read(struct lease_probe *probe, int timeout_ms)
{
	(void)probe;
	(void)timeout_ms;
	return -ENOSYS;
}

void lease_probe_stop(struct lease_probe *probe)
{
	(void)probe;
}

void lease_probe_losses(const struct lease_probe *probe, struct lease_probe_losses *ret_losses)
{
	(void)probe;
	*ret_losses = (struct lease_probe_losses){.lost = 0};
}

int snat_lost_probe_open(const struct snat_lost_options *options,
    struct snat_lost_probe **ret_probe, const char **ret_reason)
{
	(void)options;
	(void)ret_probe;
	*ret_reason = NO_BPF;
	return -ENOSYS;
}

void snat_lost_probe_close(struct snat_lost_probe *probe)
{
	(void)probe;
}

void snat_lost_probe_stop(struct snat_lost_probe *probe)
{
	(void)probe;
}

const struct tally_place *snat_lost_probe_tally(const struct snat_lost_probe *probe)
{
	(void)probe;
	return NULL;
}

const struct snat_destination *snat_lost_probe_destination(
    const struct snat_lost_probe *probe, const struct tally_key *key)
{
	(void)probe;
	(void)key;
	return NULL;
}

uint64_t snat_lost_probe_untracked(const struct snat_lost_probe *probe)
{
	(void)probe;
	return 0;
}

int snat_lost_probe_misses(const struct snat_lost_probe *probe, uint64_t *ret_misses)
{
	(void)probe;
	(void)ret_misses;
	return -ENODATA;
}

int snat_lost_probe_read(struct snat_lost_probe *probe,
    int (*each)(void *context, const struct snat_lost_event *event), void *context)
{
	(void)probe;
	(void)each;
	(void)context;
	return -ENOSYS;
}

int walk_open(struct walk **ret_walk, const char **ret_reason)
{
	(void)ret_walk;
	*ret_reason = NO_BPF;
	return -ENOSYS;
}

void walk_close(struct walk *walk)
{
	(void)walk;
}

bool walk_has_udp(const struct walk *walk)
{
	(void)walk;
	return false;
}

int walk_list(struct walk *walk, enum walk_table table, const struct portset *ports,
    const struct walk_sink *sink)
{
	(void)walk;
	(void)table;
	(void)ports;
	(void)sink;
	return -ENOSYS;
}

int walk_list_all(struct walk *walk, enum walk_table table, uint32_t namespace_id,
    const struct portset *ports, const struct walk_sink *sink)
{
	(void)namespace_id;
	return walk_list(walk, table, ports, sink);
}

int walk_list_namespaces(struct walk *walk,
    int (*each)(void *context, const struct walk_namespace *entry), void *context)
{
	(void)walk;
	(void)each;
	(void)context;
	return -ENOSYS;
}

int walk_read_reserved(struct walk *walk, uint32_t namespace_id, struct portset *ret_reserved)
{
	(void)walk;
	(void)namespace_id;
	(void)ret_reserved;
	return -ENOSYS;
}

int walk_list_binds(struct walk *walk, const struct walk_sink *sink, struct portset *ret_held)
{
	(void)walk;
	(void)sink;
	(void)ret_held;
	return -ENOSYS;
}
