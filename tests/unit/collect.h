/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_COLLECT_H
#define EPHEMERA_COLLECT_H

/*
 * One collector by itself, without a gathering: sockets made by hand go in, lines of text
 * come out.
 *
 *	collect_open(&collect, &churn_collector, NULL, procfs, "/nonexistent");
 *	assert_result(collect_begin(&collect, &facts), 0);
 *	collect_socket(&collect, &socket);
 *	assert_emitted(&collect, "tcp_opens_total active: 23\n");
 *	collect_close(&collect);
 */

#include "collectors/collector.h"

struct collect {
	const struct collector *collector;
	struct collector_config config;
	unsigned long values[COLLECTOR_FLAGS_MAX];
	struct facts facts;
	void *state;
};

/* values: of its flags; NULL: their defaults. Ends the test where it cannot be created. */
void collect_open(struct collect *collect, const struct collector *collector,
    const unsigned long *values, const char *procfs, const char *sysfs);
void collect_close(struct collect *collect);

/* Starts a scrape with a copy of facts. Returns what the collector says: 0 or -errno. */
int collect_begin(struct collect *collect, const struct facts *facts);
/* Fails the test where the collector does not take it. */
void collect_socket(struct collect *collect, const struct socket *socket);

/*
 * What it emits, or "error -ERRNO\n": a line for each sample, "FAMILY LABEL...: VALUE" without
 * the family's "ephemera_", in the order of the output; a histogram's VALUE is "sum SUM", and
 * ", BOUND COUNT" for each bucket with its own count, unless that is 0. The caller frees it.
 */
char *collect_emit(struct collect *collect);
void assert_emitted(struct collect *collect, const char *wanted);

/* A TCP socket; local and remote are IPv4 or IPv6 addresses, both of one family. */
struct socket make_socket(enum socket_state state, const char *local, uint16_t local_port,
    const char *remote, uint16_t remote_port);

/* The same numbers after each call with the same seed: a failure can be repeated. */
void random_seed(uint64_t seed);
uint32_t random_number(void);

#endif
