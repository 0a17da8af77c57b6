/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_LOST_PRINT_H
#define EPHEMERA_TRACE_LOST_PRINT_H

/* What `ephemera trace` prints of packets that source NAT found no port for. */

#include <stddef.h>
#include <time.h>

#include "collectors/bpf/snat_lost.h"
#include "collectors/views/namespace_rows.h"
#include "exporter/base/json.h"
#include "exporter/commands/trace_fold.h"

/* One packet, and what is known about it. */
struct traced_lost {
	const struct snat_lost_event *event;
	struct timespec time;		       /* CLOCK_REALTIME */
	const struct namespace_row *namespace; /* NULL: only one is followed */
};

struct traced_destination {
	const struct snat_destination *to;
	unsigned long packets;
};

struct trace_lost_sum {
	unsigned long packets; /* printed or not */
	unsigned long unshown; /* of them, those that were not printed */
	struct traced_destination *list;
	size_t length;
	unsigned long others; /* packets to others */
};

/* Each prints to standard output and returns 0 or -errno. */
int trace_lost_print_text(const struct traced_lost *traced);
int trace_lost_print_json(const struct traced_lost *traced);
/* traced: of the packet of fold, with the time of now. seconds: in which they were counted. */
int trace_lost_print_fold(
    const struct traced_lost *traced, const struct trace_fold *fold, double seconds);

/* The same of the summary, in two parts. They print nothing if there are none. */
void trace_lost_print_sum(const struct trace_lost_sum *sum);
void trace_lost_print_list(const struct trace_lost_sum *sum);
void trace_lost_add_sum(struct json *object, const struct trace_lost_sum *sum);

#endif
