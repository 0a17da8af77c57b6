/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LOOKUP_HOST_H
#define EPHEMERA_LOOKUP_HOST_H

/*
 * A host that is written down, for lookups of its ports. The test is linked with --wrap for
 * source_list, source_list_ports and process_search: single calls can be made to fail.
 */

#include <stdio.h>

#include "collectors/views/port_lookup.h"
#include "messages.h"
#include "workspace.h"

/* As often as a lookup is begun again, and as many sockets as one keeps (port_lookup.c). */
#define ATTEMPTS 3
#define KEPT_MAX 20000u

#define RESERVED "sys/net/ipv4/ip_local_reserved_ports"

extern struct workspace workspace;
extern FILE *dump;
extern struct port_lookup *lookup;   /* of the last run() */
extern struct source_options source; /* of the last options_of() */

/* Of source_list_ports(). */
extern struct wrapped_listings {
	unsigned calls;
	unsigned fails[8]; /* which of the calls fail, after having handed on what they have */
	size_t fails_length;
	int result;
	unsigned asked; /* listings, as bits */
	unsigned sides[LISTINGS];
} listings;

extern uint16_t listened_once; /* a listener that is gone at the next look */
extern int search_result;      /* of process_search(); 0: that of the real one */
extern struct process_search_options searched;

int set_up(void **state);
int tear_down(void **state);

/* A listing of the host: begin, put its sockets, end with what it returns. */
void begin(enum listing listing);
void put(const struct record *record);
void end(int result);
void flush(void);
void put_empty(enum listing listing);
/* IPv4 on 127.0.0.1, towards 192.0.2.9 if there is a remote port. */
void put_socket(uint8_t state, uint16_t local_port, uint16_t remote_port, uint32_t inode);

/* A host with a bit of everything, and who chose its ports. */
void write_host(void);
void write_chosen(void);

struct port_lookup_options options_of(size_t limit);
int run_with(const struct port_lookup_options *options, const char *ports);
int run(const char *ports, size_t limit);

/* What was found; see print_side() for the marks. */
void assert_answers(const char *wanted);

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
