/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_SUM_H
#define EPHEMERA_TRACE_SUM_H

/* What `ephemera trace` says at its end. */

#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/exhaustion_probe.h"
#include "exporter/commands/options.h"
#include "exporter/commands/trace_lost.h"
#include "exporter/commands/trace_namespaces.h"
#include "exporter/commands/trace_tally.h"

struct trace_counted {
	const struct options *options;
	const struct exhaustion_probe *probe;
	const struct trace_tally *tally; /* of the calls that were asked for; NULL: all were */
	struct cgroups *cgroups;
	const struct trace_lost *lost;	     /* NULL: lost packets are not followed */
	struct trace_namespaces *namespaces; /* NULL: only one is followed */
	unsigned long shown;		     /* calls that were printed, or counted in a line */
	unsigned long others;		     /* calls that were not asked for */
	double seconds;
};

/* Prints the sum to standard output. Returns 0 or -errno. */
int trace_sum_print(const struct trace_counted *counted);

#endif
