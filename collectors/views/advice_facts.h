/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADVICE_FACTS_H
#define EPHEMERA_ADVICE_FACTS_H

/* What advice is made from: one look at a network namespace, and its settings. */

#include "collectors/views/destination_rows.h"
#include "collectors/views/port_lookup.h"
#include "collectors/views/service_ports.h"
#include "collectors/views/snat_rows.h"

struct advice_queue {
	const char *address; /* as in ephemera_accept_queue_sockets */
	const char *port;
	unsigned long sockets;
	unsigned long limit;
};

struct advice_facts {
	struct metric_set *set; /* owns the strings */
	struct service_ports services;
	struct destination_rows *rows; /* the fullest destinations */
	/* The listeners inside the range: which of them chose their port. NULL: there is none. */
	struct port_lookup *listeners;
	/* The fullest pool of source NAT. NULL, until the caller sets it: none is known. */
	struct snat_rows *snat;
	struct advice_queue queue;     /* the fullest; its address is NULL if there is none */
	unsigned long time_wait;       /* sockets in TIME_WAIT */
	unsigned long time_wait_limit; /* tcp_max_tw_buckets; 0: unknown */
	unsigned udp_ports;	       /* of the range, by the fullest address */
	int timestamps;		       /* tcp_timestamps; these six: SETTING_ABSENT if unknown */
	int established_timeout;       /* nf_conntrack_tcp_timeout_established */
	int conntrack_entries;	       /* nf_conntrack_count: of this network namespace */
	int conntrack_limit;	       /* nf_conntrack_max: of each network namespace; 0: none */
	int orphan_retries;	       /* tcp_orphan_retries */
	int somaxconn;		       /* net.core.somaxconn */
	bool is_node;		       /* the host runs a kubelet: it has a cgroup of pods */
};

/*
 * Walks over the sockets twice: the second time for the few listeners inside the range. source: not
 * a replay. sysfs: see struct collector_config. Returns 0 or -errno; the caller frees the facts
 * with advice_facts_free().
 */
int advice_facts_read(
    const struct source_options *source, const char *sysfs, struct advice_facts **ret_facts);
void advice_facts_free(struct advice_facts *facts); /* NULL is fine */

#endif
