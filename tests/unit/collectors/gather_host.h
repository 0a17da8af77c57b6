/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_GATHER_HOST_H
#define EPHEMERA_UNIT_GATHER_HOST_H

/*
 * A host that is written down, what is gathered of it, and the four collectors that these tests
 * know. The test is linked with --wrap for metric_add: one call can be made to fail.
 */

#include <stdio.h>

#include "collectors/gather.h"
#include "messages.h"
#include "workspace.h"

extern struct workspace workspace;
extern FILE *dump;
extern struct messages messages;
extern struct gatherer *gatherer;
extern struct metric_set *set;
extern struct gathering gathering; /* the last one */

/* The sample that a collector fails to add, if its family is not NULL. */
extern const char *family_to_break;
extern unsigned sample_to_break;

/* The listing that ends with an errno, unless that is 0. */
extern struct failing_listing {
	enum listing listing;
	int error;
} to_fail;

int set_up(void **state);
int tear_down(void **state);

/* Into the dump: a socket, what was put so far, and the end of a listing. */
void put(uint8_t state, uint16_t local_port, const char *remote, uint16_t remote_port);
void put_chunk(void);
void end_listing(int error);

/*
 * Listeners 41002 and 20001; 41003 bound; 41004 bound, then connected; to 192.0.2.1:443
 * five connections and two in TIME_WAIT, to 192.0.2.2:443 one; one inbound.
 */
void put_tcp(void);
void put_udp(void);

/* Takes the source if it returns 0. */
int new_gatherer(collector_set enabled, const unsigned long values[][COLLECTOR_FLAGS_MAX],
    struct source *source);
/* Of what was put so far. */
void make_gatherer(void);
/* Puts it all, with a listing that fails, and makes the gatherer. */
void make_host(enum listing fails, int error);

/* The collector of that name as a set; those that these tests know. */
collector_set bit(const char *name);
collector_set ours(void);

void run(void);

const struct metric_family *family_of(const char *name);
/* Of the sample with these labels, "one,two". */
double value(const char *name, const char *labels);
unsigned samples_of(const char *collector);

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
