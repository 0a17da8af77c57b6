/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXCHANGE_H
#define EPHEMERA_EXCHANGE_H

/*
 * The server's connections and requests, as libmicrohttpd passes them to us. Only these files use
 * it: server.c has the daemons and their callbacks, engine.c the order of steps, admission.c
 * decides which requests are answered, dispatch.c finds what they ask for.
 */

#include <microhttpd.h>
#include <stdatomic.h>

#include "exporter/web/response.h"
#include "exporter/web/server.h"

#define DAEMONS_MAX 16

/* What the thread of one daemon does. */
struct server {
	struct web *web;
	atomic_llong entered; /* when it entered a callback of ours, in ns; 0: it is in none */
};

struct web {
	struct web_options options;
	struct web_parts parts;
	struct refusals *refusals;
	struct clients *clients;
	struct MHD_Daemon *daemons[DAEMONS_MAX];
	struct server servers[DAEMONS_MAX];
	size_t length;
	struct site site;
	struct response_cache cache; /* only the scraper's thread uses it */
};

/* What we keep for a connection. */
struct link {
	struct client *client;
	struct rules *rules; /* for its TLS; NULL: none */
};

enum stage {
	STAGE_HEAD,	/* its first line has arrived */
	STAGE_WHOLE,	/* its headers have arrived, and break no rule; there is no body */
	STAGE_PASSWORD, /* the password is being checked, or was checked */
	STAGE_WORK,	/* it is answered, or waits for a scrape or a lookup */
};

/* One request, from its first line to the end of its response. */
struct exchange {
	union {
		struct shared_request shared; /* the first member of each */
		struct scrape_request scrape;
		struct lookup_request lookup;
		struct failure_request failure;
	} request; /* must be the first member: done() gets a pointer to it */
	struct auth_request auth;
	struct web *web;
	struct rules *rules; /* NULL: there are none */
	struct MHD_Connection *connection;
	char *target; /* as it was sent */
	enum stage stage;
	bool waits; /* for another thread, which resumes the connection */
	enum auth_verdict verdict;
	struct route route;
	const struct client *watcher; /* who waits for failures */
	unsigned status;
	struct shared_response *shared; /* what the work made; NULL: out of memory */
};

/* The client of a connection; NULL if memory ran out when it began. */
struct client *connection_client(struct MHD_Connection *connection);

/* Whether its client has shown a certificate that was verified. */
bool connection_is_certified(struct MHD_Connection *connection);

/* The web configuration that held when the request began; NULL: there is none. */
const struct web_config *exchange_config(const struct exchange *exchange);

/* Counts and queues the response, which the caller keeps. NULL (out of memory) returns MHD_NO. */
enum MHD_Result exchange_send_response(
    struct exchange *exchange, unsigned status, struct MHD_Response *response);

/* Takes ownership of the answer's body. */
enum MHD_Result exchange_send_answer(struct exchange *exchange, struct answer answer);

/* Sends exchange->shared, which the work made, and releases it. */
enum MHD_Result exchange_send_shared(struct exchange *exchange);

/* The connection waits until exchange_resume(). Set its phase first. */
void exchange_suspend(struct exchange *exchange);

/* Any thread may call it. Afterwards only the server's thread may use the exchange. */
void exchange_resume(struct exchange *exchange);

void exchange_free(struct exchange *exchange);

#endif
