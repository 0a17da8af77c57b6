/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTION_PROBE_H
#define EPHEMERA_EXHAUSTION_PROBE_H

/*
 * The calls that found no ephemeral port or were refused one, and how long ports are held.
 * collectors/bpf/exhaustion.bpf.c counts them in the kernel, for the network namespace of the
 * thread that opens the probe, or for all. The counts are mapped into our memory: reading them
 * needs no system call and no privilege.
 *
 * connect(): the tracepoint inet_sock_set_state (net/ipv4/af_inet.c). A step from SYN_SENT to CLOSE
 * without a port is one connect() that found no port. bind() and listen(): udp_lib_get_port() or
 * inet_csk_get_port() returned an error. If any port was allowed, there was none left; if one was
 * asked for by number, another socket holds it: a bind conflict.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "collectors/bpf/elsewhere.h"
#include "collectors/bpf/exhaustion.h"
#include "collectors/bpf/failed.h"
#include "collectors/bpf/openers.h"
#include "collectors/kernel/lease_starts.h"
#include "collectors/kernel/socket.h"

struct exhaustion_probe_options {
	unsigned long leases;	    /* how many are timed at the same time, rounded up; 0: none */
	unsigned long events_bytes; /* memory for events, rounded up; 0: no events */
	bool openers;		    /* whether they are counted */
	bool elsewhere;	 /* whether other network namespaces are counted, each for itself */
	bool everywhere; /* whether they are counted as if they were this one; not with elsewhere */
	bool starts;	 /* whether the starts of leases can be read */
};

#define EXHAUSTION_LEASES_MAX 16777216ul

/* Read-only; the numbers may grow while they are read. */
struct exhaustion_probe {
	const struct exhaustion_shared *shared;
	struct tally_place *destinations;   /* TALLY_DESTINATIONS of them */
	struct tally_place *owners;	    /* TALLY_OWNERS of them */
	struct openers *openers;	    /* OPENERS_BUCKETS of them */
	struct tally_place *conflicts;	    /* TALLY_CONFLICTS of them, if counts_binds */
	struct elsewhere_bucket *elsewhere; /* ELSEWHERE_BUCKETS of them; NULL: not counted */
	struct failed_bucket *failed;	    /* FAILED_BUCKETS of them; NULL: not counted */
	struct lease_histograms *histograms;
	struct lease_starts starts; /* of the leases that are timed, if they can be read */
	unsigned processors;
	unsigned histograms_length;   /* one for each processor; 0 if leases are not timed */
	bool counts_binds;	      /* bind() and listen() can be counted on this kernel */
	struct exhaustion_kept *kept; /* memory and descriptors; NULL: not open */
};

/*
 * Loads the programs and starts counting. Needs CAP_BPF, CAP_PERFMON, the kernel's BTF and Linux
 * 5.12. Returns 0; or -errno, and in ret_reason why, a static string for a log.
 */
int exhaustion_probe_open(const struct exhaustion_probe_options *options,
    struct exhaustion_probe *ret_probe, const char **ret_reason);

/* Does nothing for a zero-initialised probe that was never opened. */
void exhaustion_probe_close(struct exhaustion_probe *probe);

/* Stops counting; the counts can still be read. */
void exhaustion_probe_stop(struct exhaustion_probe *probe);

/*
 * How often the kernel did not run the program that counts these failures because its processor was
 * already running it: at a change of state of a TCP socket (EXHAUSTED_CONNECT), or when TCP or UDP
 * got or was refused a port, in any network namespace. Returns 0, or as bpf_misses_read(); -ENODATA
 * if they are not counted.
 */
int exhaustion_probe_misses(
    const struct exhaustion_probe *probe, enum exhausted_call call, uint64_t *ret_misses);

/*
 * What was counted in another network namespace since it got a place: see elsewhere.h. id: as
 * struct walk_namespace. Returns whether there is something. ret_counts->version changes whenever
 * the counts have begun again at 0.
 */
bool exhaustion_probe_elsewhere(
    const struct exhaustion_probe *probe, uint32_t id, struct elsewhere *ret_counts);

/*
 * exhaustion_events_wait() waits up to timeout_ms for events and passes them to each. Returns their
 * number, -EINTR after a signal, a negative value that each returned, or another -errno.
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

/* The same in a place with a version, which must be read again after it. */
static inline void lease_counts_read(
    const struct lease_counts *counts, struct lease_counts *ret_counts)
{
	ret_counts->opens = __atomic_load_n(&counts->opens, __ATOMIC_ACQUIRE);
	ret_counts->leases = __atomic_load_n(&counts->leases, __ATOMIC_ACQUIRE);
	ret_counts->held_ns = __atomic_load_n(&counts->held_ns, __ATOMIC_ACQUIRE);
}

struct exhausted_destination {
	enum socket_family family;
	struct socket_address address;
	uint16_t port;
	uint32_t interface; /* of a link-local address; 0: none */
};

/* The inverse of conflict_word(). */
static inline enum socket_protocol conflict_protocol(const struct tally_key *key)
{
	return key->words[0] >> 16 == IPPROTO_UDP ? SOCKET_UDP : SOCKET_TCP;
}

static inline uint16_t conflict_port(const struct tally_key *key)
{
	return (uint16_t)key->words[0];
}

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
