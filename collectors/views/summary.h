/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SUMMARY_H
#define EPHEMERA_SUMMARY_H

/*
 * What can go wrong besides full destinations: accept queues, the TIME_WAIT table, the pools of
 * bind(0) and UDP, and services in the range.
 */

#include "collectors/collector.h"

struct summary {
	struct port_range range;
	unsigned pool;			      /* ports of the range that are not reserved */
	unsigned pool_used[SOCKET_PROTOCOLS]; /* those that a socket has, on any address */
	unsigned long time_wait;	      /* sockets */
	int time_wait_limit; /* tcp_max_tw_buckets; SETTING_ABSENT: not known, as of another
				namespace */
	bool has_queue;	     /* there is a listener, and queues' limits are known */
	struct socket queue; /* the listener with the fullest accept queue, then the lowest port */
	/*
	 * Ports of the range with a service that connect() or bind(0) could get first: not
	 * reserved. A TCP listener is left out if it is known that the kernel chose its port.
	 */
	struct portset at_risk;
};

/* How full the accept queue of a listener is: at 1 the next connection is dropped. */
double summary_queue_ratio(const struct socket *listener);

/* A view (views.h). */
extern const struct collector summary_view;

/* What it found last; valid until the next walk. NULL before the first. */
const struct summary *summary_found(const void *state);

#endif
