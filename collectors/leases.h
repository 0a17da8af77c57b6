/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LEASES_H
#define EPHEMERA_LEASES_H

/* How long ports are held: the sum over all processors of what collectors/bpf/leases.bpf.h times.
 */

#include "collectors/bpf/exhaustion.h"
#include "collectors/metric.h"

extern const struct metric_family port_lease;
extern const struct metric_family port_reuse_interval;
extern const struct metric_family untracked_port_leases;

/* list: one per processor; they may grow meanwhile. Adds nothing if length is 0. */
void leases_emit(const struct lease_histograms *list, unsigned length, struct metric_set *set);

#endif
