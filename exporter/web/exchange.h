/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXCHANGE_H
#define EPHEMERA_EXCHANGE_H

/*
 * The server's connections and requests as libmicrohttpd hands them to us, for the files that
 * share the work: server.c has the daemons and their callbacks, engine.c says what comes next,
 * admission.c decides who is let in, dispatch.c finds what is asked for. For these only.
 */

#include <microhttpd.h>
#include <stdatomic.h>

#include "exporter/web/response.h"
#include "exporter/web/server.h"

#define DAEMONS_MAX 16

/* What the thread of one daemon is at. */
struct server {
	struct web *web;
	atomic_llong entered; /* when it came into a callback of ours, in ns; 0: it is in none */
};

struct web {
	struct web_options options;
	struct web_parts parts;
	struct refusals *refusals;
	struct clients *clients;
	struct MHD_Daemon *daemons[DAEMONS_MAX];
	struct server servers[DAEMONS_MAX];
	size_t length;
	struct answer index;
	struct site site;
	struct response_cache cache; /* the scraper's thread's */
};

/* What we keep of a connection. */
struct link {
	struct client *client;
	struct rules *rules; /* of its TLS; NULL: none */
};

enum stage {
	STAGE_HEAD,	/* its line is here */
	STAGE_BODY,	/* its headers are, and a body may follow, which nobody wants */
	STAGE_PASSWORD, /* the password is being checked, or has been */
	STAGE_WORK,	/* it is answered, or waits for what takes time */
};

/* One request, from its first line to the end of its response. */
struct exchange {
	union {
		struct shared_request shared; /* the first member of both */
		struct scrape_request scrape;
		struct lookup_request lookup;
	} request; /* first, since it is what is handed back */
	struct auth_request auth;
	struct web *web;
	struct rules *rules; /* NULL: there are none */
	struct MHD_Connection *connection;
	char *target; /* as it was sent */
	enum stage stage;
	bool waits; /* for another thread, which resumes the connection */
	enum auth_verdict verdict;
	struct route route;
	unsigned status;
	struct shared_response *shared; /* of work; NULL where there was no memory for one */
};

/* Whose connection it is; NULL where memory was out when it began. */
struct client *connection_client(struct MHD_Connection *connection);

/* What --web.config.file said when the request began; NULL: there is none. */
const struct web_config *exchange_config(const struct exchange *exchange);

/* Counts and queues the response, which stays the caller's. NULL, for no memory, gives MHD_NO. */
enum MHD_Result exchange_send_response(
    struct exchange *exchange, unsigned status, struct MHD_Response *response);

/* Takes over the answer's body. */
enum MHD_Result exchange_send_answer(struct exchange *exchange, struct answer answer);

/* Sends what the work made, exchange->shared, and lets go of it. */
enum MHD_Result exchange_send_shared(struct exchange *exchange);

/*
 * The connection waits, until exchange_resume(). Its phase has been set, and tells what for.
 */
void exchange_suspend(struct exchange *exchange);

/* In any thread. From here on the exchange is the server's thread's again. */
void exchange_resume(struct exchange *exchange);

void exchange_free(struct exchange *exchange);

#endif
