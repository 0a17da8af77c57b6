/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_PRINT_H
#define EPHEMERA_TRACE_PRINT_H

/* The output of `ephemera trace`: lines for people, or JSON, one object a line. */

#include <stdbool.h>
#include <time.h>

#include "collectors/kernel/exhaustion_probe.h"
#include "collectors/tables/owner_names.h"
#include "collectors/tables/tally_top.h"
#include "exporter/base/json.h"
#include "exporter/commands/trace_fold.h"
#include "exporter/commands/trace_holders.h"
#include "exporter/commands/trace_lost_print.h"
#include "exporter/commands/trace_namespaces.h"

/* One failure, and what is known about it. */
struct traced {
	const struct exhausted_event *event;
	struct timespec time; /* CLOCK_REALTIME */
	const char *cgroup;   /* NULL: unknown */
	bool has_ports;	      /* the next two are known */
	unsigned ports;
	unsigned usable_ports;
	const struct namespace_row *namespace; /* NULL: only one is followed */
	const struct holder *holder; /* of a refused bind(), whose refused_port is not 0 */
};

struct traced_sum {
	double seconds;
	unsigned long calls;  /* that found no port, printed or not */
	unsigned long lost;   /* of them and of the conflicts, those that were not printed */
	bool is_part;	      /* only some calls were asked for; lost is of all */
	unsigned long others; /* calls that were not asked for */
	const struct tally_shown *destinations;
	size_t destinations_length;
	unsigned long other_destinations; /* calls to others */
	const struct owner_name *owners;
	size_t owners_length;
	unsigned long other_owners;
	unsigned long conflicts; /* calls that were refused the port they asked for */
	const struct tally_shown *ports;
	size_t ports_length;
	unsigned long other_ports;	      /* conflicts of others */
	const struct trace_lost_sum *packets; /* NULL: they were not followed */
	bool has_namespaces; /* the next three are known; both kinds of failure, if printed */
	const struct traced_namespace *namespaces;
	size_t namespaces_length;
	unsigned long other_namespaces;
};

/* Each prints to standard output and returns 0 or -errno. */
int trace_print_text(const struct traced *traced);
/* traced: of the event of fold, with the time of now. seconds: in which they were counted. */
int trace_print_fold(const struct traced *traced, const struct trace_fold *fold, double seconds);
int trace_print_json(const struct traced *traced);
int trace_print_sum_text(const struct traced_sum *sum);
int trace_print_sum_json(const struct traced_sum *sum);

/* What lines begin with: the time, and the namespace, if that is not NULL. */
void trace_print_when(const struct timespec *time, const struct namespace_row *namespace);
/* "... 1,334 more like this in 5 s: ". */
void trace_print_count(unsigned long count, double seconds);
/* Prints the object as a line and frees it. Returns 0 or -errno. */
int trace_put_json(struct json *object);

/* Adds a time of CLOCK_REALTIME, in UTC. */
void trace_add_time(struct json *object, const char *key, const struct timespec *time);

#endif
