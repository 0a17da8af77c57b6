/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LEASE_PROBE_H
#define EPHEMERA_LEASE_PROBE_H

/*
 * The leases of ports, each as it ends: which outgoing TCP connection had the port, from when until
 * when, and who opened it. collectors/bpf/lease_events.bpf.c follows them in the kernel, for the
 * network namespace of the thread that opens the probe.
 *
 * A lease begins when connect() enters SYN_SENT with a port of the kernel's choice, and ends when
 * its socket enters CLOSE (tracepoint inet_sock_set_state, net/ipv4/af_inet.c).
 */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/bpf/lease_events.h"

struct lease_probe_options {
	unsigned long leases;	    /* how many are followed at the same time, rounded up */
	unsigned long buffer_bytes; /* memory for those that ended, rounded up */
};

#define LEASE_PROBE_LEASES_MAX 16777216ul

/* What is told of them; each returns 0, or -errno, which ends the reading. */
struct lease_probe_sink {
	int (*ended)(void *context, const struct lease_event *event);
	/* The first connection of a cgroup has begun; it may be told again. */
	int (*cgroup)(void *context, uint64_t cgroup_id);
	void *context;
};

struct lease_probe;

/*
 * Loads the program and starts to follow. Needs CAP_BPF, CAP_PERFMON, the kernel's BTF and Linux
 * 5.12. Returns 0; or -errno, and in ret_reason why, a static string for a log.
 */
int lease_probe_open(const struct lease_probe_options *options, const struct lease_probe_sink *sink,
    struct lease_probe **ret_probe, const char **ret_reason);
void lease_probe_close(struct lease_probe *probe); /* NULL is fine */

/*
 * Waits until timeout_ms are over or a cgroup is new, and passes on what there is. An end wakes
 * nobody, so the buffer must have room for the leases of that time. Returns 0, -EINTR after a
 * signal, a negative value from the sink, or another -errno.
 */
int lease_probe_read(struct lease_probe *probe, int timeout_ms);

/* Stops following; what ended before can still be read. */
void lease_probe_stop(struct lease_probe *probe);

struct lease_probe_losses {
	uint64_t lost;	    /* leases that ended while the buffer was full */
	uint64_t untracked; /* leases that gave way: too many were held at the same time */
	/*
	 * Changes of state, in any network namespace, that the program missed because its processor
	 * was running it: some may be the end of a lease.
	 */
	uint64_t missed;
	bool has_missed; /* the kernel tells the last one */
};

/* Since the probe was opened. They only grow. */
void lease_probe_losses(const struct lease_probe *probe, struct lease_probe_losses *ret_losses);

enum lease_end {
	LEASE_CLOSED,	   /* in order */
	LEASE_RESET,	   /* by the peer */
	LEASE_ABORTED,	   /* by this host: with a reset, or before there was an answer */
	LEASE_REFUSED,	   /* the peer refused it */
	LEASE_TIMED_OUT,   /* no answer */
	LEASE_UNREACHABLE, /* a router said so */
	LEASE_FAILED,	   /* with another error */
	LEASE_ENDS
};

/* How the connection ended, as far as its last state and its error tell. */
enum lease_end lease_event_end(const struct lease_event *event);

/* "closed", "timed_out" and so on, as JSON has it. */
const char *lease_end_name(enum lease_end end);

/* Whether TIME_WAIT follows, which has the port for up to 60 s more. */
bool lease_event_has_time_wait(const struct lease_event *event);

#endif
