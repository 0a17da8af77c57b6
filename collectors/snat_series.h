/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SNAT_SERIES_H
#define EPHEMERA_SNAT_SERIES_H

/* The samples of the collector snat that are about pools. */

#include "collectors/address_owners.h"
#include "collectors/metric.h"
#include "collectors/tables/destination_top.h"
#include "collectors/tables/snat_pools.h"

extern const struct metric_family snat_ports;
extern const struct metric_family snat_other_ports;
extern const struct metric_family snat_untracked_ports;
extern const struct metric_family snat_worst_ports;
extern const struct metric_family snat_worst_ratio;
extern const struct metric_family snat_loss_ratio;
extern const struct metric_family snat_client_ports;

struct snat_series {
	unsigned range;			     /* ports that a pool can have */
	unsigned minimum;		     /* ports that a pool must have taken to be shown */
	size_t clients;			     /* of a pool that are shown */
	const struct address_owners *owners; /* NULL: clients have addresses alone */
	struct destination_top top[SOCKET_PROTOCOLS];
};

/* limit: of pools of each protocol. Returns 0 or -ENOMEM. */
int snat_series_init(struct snat_series *series, size_t limit);
void snat_series_release(struct snat_series *series);

/* Returns 0 or -ENOMEM. */
int snat_series_emit(
    struct snat_series *series, const struct snat_pools *pools, struct metric_set *set);

/*
 * The chance that source NAT finds no port for a new connection, if `used` of the range's ports are
 * taken, `closing` more are and may be evicted, and none is more likely taken than another: see
 * docs/snat.md.
 */
double snat_loss(unsigned used, unsigned closing, unsigned range);

#endif
