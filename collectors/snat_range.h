/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SNAT_RANGE_H
#define EPHEMERA_SNAT_RANGE_H

/* Which ports the collector snat takes source NAT to choose from, and how it knows. */

#include "collectors/kernel/portset.h"
#include "collectors/metric.h"

struct nat_rules;

extern const struct metric_family snat_range_ports;

struct snat_range {
	struct port_range ports;
	const char *origin; /* "flag", "rules" or "default" */
	const char *remark; /* NULL, or why it is the default: a static string */
};

/* ports: of the flag, which wins if it is not 0. Otherwise the rules are read. */
struct snat_range snat_range_find(unsigned long ports);

/* The same of what nat_rules_read() returned: result, and the rules if that is 0. */
struct snat_range snat_range_of(int result, const struct nat_rules *rules);

void snat_range_emit(const struct snat_range *range, struct metric_set *set);

#endif
