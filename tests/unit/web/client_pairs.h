/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_CLIENT_PAIRS_H
#define EPHEMERA_UNIT_CLIENT_PAIRS_H

/* Clients to test, and their ends of the connections. */

#include "exporter/web/clients.h"
#include "unit.h"

/* A limit is enforced within this, of a machine that is busy with other tests. */
#define GRACE_MS 5000

#define MANY 3600 /* seconds: longer than any test */

struct pair {
	int ours; /* what the clients watch */
	int theirs;
	struct client *client;
};

/* Those of the test that runs. */
extern struct clients *clients;

void start_clients(const struct clients_limits *limits);
int end_clients(void **state); /* a test's teardown */

/* What was counted under that reason, and nothing under any other. */
void assert_refused(enum refusal refusal, unsigned long count);

/* A connection over a unix socket; or of 127.0.0.HOST. */
struct pair add(void);
struct pair add_from(unsigned char host);
void take_away(struct pair *pair);

/* Whether the client was shut down within that time: its end then reads an end of file. */
bool is_shut_down(const struct pair *pair, int milliseconds);

#endif
