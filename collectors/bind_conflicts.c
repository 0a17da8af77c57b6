// SPDX-License-Identifier: Apache-2.0
#include "collectors/bind_conflicts.h"

#include <stdio.h>

#include "collectors/kernel/exhaustion_probe.h"

const struct metric_family bind_conflicts = {
    .name = "ephemera_bind_conflicts_total",
    .help = "bind() and listen() calls that failed with EADDRINUSE because another socket holds "
	    "the port they asked for, of the ports with the most, up to "
	    "--collector.exhaustion.bind-conflicts-limit. Only if "
	    "ephemera_kernel_feature{feature=\"bind_conflicts\"} is 1.",
    .type = METRIC_COUNTER,
    .labels = {"protocol", "port"},
    .example = "topk(10, increase(ephemera_bind_conflicts_total[15m])) > 0",
};
const struct metric_family other_bind_conflicts = {
    .name = "ephemera_other_bind_conflicts_total",
    .help = "The same of ports while they were not shown.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_other_bind_conflicts_total[5m]) > 0",
};

void bind_conflicts_emit(struct tally_top *top, uint64_t untracked, struct metric_set *set)
{
	const struct tally_shown *shown;
	uint64_t others;
	const size_t length = tally_top_look(top, &shown, &others);
	char port[8];

	for (size_t i = 0; i < length; i++) {
		snprintf(port, sizeof(port), "%u", conflict_port(&shown[i].key));
		metric_add(set, &bind_conflicts, (double)shown[i].count,
		    METRIC_LABELS(socket_protocol_name(conflict_protocol(&shown[i].key)), port));
	}
	metric_add(set, &other_bind_conflicts, (double)(others + untracked), METRIC_NO_LABELS);
}
