/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SNAT_LOST_PROBE_H
#define EPHEMERA_SNAT_LOST_PROBE_H

/*
 * The packets that are lost because source NAT finds no port for them.
 * collectors/bpf/snat_lost.bpf.c counts them in the kernel, for the network namespace of the thread
 * that opens the probe, or for all. The counts are mapped into our memory: reading them needs no
 * system call and no privilege.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/bpf/snat_lost.h"

struct snat_lost_options {
	unsigned long events_bytes; /* memory for events, rounded up; 0: no events */
	bool everywhere; /* whether other network namespaces are counted as if they were this one */
};

struct snat_lost_probe;

/*
 * Loads the program and starts counting. Needs CAP_BPF, CAP_PERFMON, Linux 5.18, and that the
 * kernel's BTF has connection tracking's types; its module need not be loaded yet. Returns 0; or
 * -errno, and in ret_reason why, a static string for a log.
 */
int snat_lost_probe_open(const struct snat_lost_options *options,
    struct snat_lost_probe **ret_probe, const char **ret_reason);
void snat_lost_probe_close(struct snat_lost_probe *probe); /* NULL is fine */

/* Stops counting; the counts and events that are there can still be read. */
void snat_lost_probe_stop(struct snat_lost_probe *probe);

/*
 * The tally of the packets, of SNAT_LOST_DESTINATIONS places, which may grow while it is read; it
 * lasts as long as the probe.
 */
const struct tally_place *snat_lost_probe_tally(const struct snat_lost_probe *probe);

/* What the key of a place that is taken stands for. It never changes. */
const struct snat_destination *snat_lost_probe_destination(
    const struct snat_lost_probe *probe, const struct tally_key *key);

/* Packets to destinations without a place. */
uint64_t snat_lost_probe_untracked(const struct snat_lost_probe *probe);

/*
 * How often the kernel did not run the program because its processor was already running it, at the
 * drop of any packet in any network namespace. Returns 0, or as bpf_misses_read().
 */
int snat_lost_probe_misses(const struct snat_lost_probe *probe, uint64_t *ret_misses);

/*
 * Passes the events that are there to each, which the probe was opened for. Waits for none. Returns
 * their number, a negative value that each returned, or -errno.
 */
int snat_lost_probe_read(struct snat_lost_probe *probe,
    int (*each)(void *context, const struct snat_lost_event *event), void *context);

#endif
