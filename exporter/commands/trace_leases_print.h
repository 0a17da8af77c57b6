/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_LEASES_PRINT_H
#define EPHEMERA_TRACE_LEASES_PRINT_H

/*
 * The output of `ephemera trace --leases`: lines for people, or JSON, one object a line. Each
 * prints to standard output and returns 0 or -errno; what it printed may still be in stdout's
 * buffer.
 */

#include <stdint.h>

#include "collectors/kernel/cgroup_names.h"
#include "collectors/kernel/lease_probe.h"
#include "exporter/base/json_writer.h"

struct trace_leases_sum {
	double seconds;
	uint64_t leases; /* that were printed */
	bool is_part;	 /* only some were asked for */
	uint64_t others; /* those that were not */
	struct lease_probe_losses losses;
};

/* json: NULL: in words. clock: what makes the event's times moments. cgroup: NULL if it has none.
 */
int trace_leases_print(const struct lease_event *event, int64_t clock,
    const struct cgroup_name *cgroup, struct json_writer *json);
int trace_leases_print_start(struct json_writer *json);
int trace_leases_print_losses(const struct lease_probe_losses *losses, struct json_writer *json);
int trace_leases_print_sum(const struct trace_leases_sum *sum, struct json_writer *json);

#endif
