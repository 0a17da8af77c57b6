/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTION_PROBE_H
#define EPHEMERA_EXHAUSTION_PROBE_H

/*
 * The calls that found no ephemeral port, and how long ports are held, counted in the kernel
 * by collectors/bpf/exhaustion.bpf.c for the network namespace of whoever opens the probe.
 * What it counts is mapped into our memory: reading it takes no call and no privilege.
 *
 * connect(): the tracepoint inet_sock_set_state (net/ipv4/af_inet.c), whose step from SYN_SENT
 * to CLOSE without a port is one connect() that failed for want of one. bind() and listen():
 * a return value of udp_lib_get_port() and inet_csk_get_port() that is not 0, where any port
 * would have done.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "collectors/bpf/exhaustion.h"
#include "collectors/kernel/settings.h"
#include "collectors/kernel/socket.h"

struct exhaustion_probe_options {
	unsigned long leases;	    /* how many are timed at a time, rounded up; 0: none */
	unsigned long events_bytes; /* memory for events, rounded up; 0: none are told */
};

#define EXHAUSTION_LEASES_MAX 16777216ul

/* For reading; each number grows while it is read. */
struct exhaustion_probe {
	const struct exhaustion_shared *shared;
	struct tally_place *destinations; /* TALLY_DESTINATIONS of them */
	struct tally_place *owners;	  /* TALLY_OWNERS of them */
	struct lease_histograms *histograms;
	unsigned histograms_length; /* one for each processor; 0 where leases are not timed */
	bool counts_binds;	    /* this kernel lets bind() and listen() be counted */
	struct exhaustion_bpf *loaded;
};

/*
 * Loads the programs and starts counting; takes CAP_BPF, CAP_PERFMON, the kernel's BTF and
 * Linux 5.12. Returns 0, or -errno and why in ret_reason, in words for a log; it is static.
 */
int exhaustion_probe_open(const struct exhaustion_probe_options *options,
    struct exhaustion_probe *ret_probe, const char **ret_reason);

/* Nothing of a probe that was never opened, where zero-initialised. */
void exhaustion_probe_close(struct exhaustion_probe *probe);

/* Nothing is counted from here on; what was stays to be read. */
void exhaustion_probe_stop(struct exhaustion_probe *probe);

/*
 * How often the kernel did not run the program that counts these failures, since the processor
 * was in the middle of it: at a TCP socket's change of state, for EXHAUSTED_CONNECT, or where a
 * port was given or refused to TCP or UDP, of any network namespace. Returns 0, or as
 * bpf_misses_read(); -ENODATA where they are not counted.
 */
int exhaustion_probe_misses(
    const struct exhaustion_probe *probe, enum exhausted_call call, uint64_t *ret_misses);

/* Tells the kernel's side which settings hold now. */
void exhaustion_probe_set(struct exhaustion_probe *probe, const struct settings *settings);

/*
 * Waits up to timeout_ms for events and hands over those that are there. Returns how many,
 * -EINTR where a signal came, what each returned where that is negative, or another -errno.
 */
struct exhaustion_events;
int exhaustion_events_open(struct exhaustion_probe *probe,
    int (*each)(void *context, const struct exhausted_event *event), void *context,
    struct exhaustion_events **ret_events);
int exhaustion_events_wait(struct exhaustion_events *events, int timeout_ms);
void exhaustion_events_close(struct exhaustion_events *events);

/* A counter that the kernel's side may be adding to. */
static inline uint64_t exhaustion_read(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

struct exhausted_destination {
	enum socket_family family;
	struct socket_address address;
	uint16_t port;
	uint32_t interface; /* of a link-local address; 0: none */
};

/* The inverse of tally_word(). */
static inline void exhausted_destination_of(
    const struct tally_key *key, struct exhausted_destination *ret_destination)
{
	ret_destination->family = key->words[2] & 0xffff ? SOCKET_IPV6 : SOCKET_IPV4;
	ret_destination->port = (uint16_t)(key->words[2] >> 16);
	ret_destination->interface = (uint32_t)(key->words[2] >> 32);
	memcpy(&ret_destination->address, key->words, sizeof(ret_destination->address));
}

#endif
