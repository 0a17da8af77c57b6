/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ROUTES_H
#define EPHEMERA_ROUTES_H

/* What a request asks for. No HTTP library, no threads. */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/gather.h"
#include "exporter/scrape/exposition.h"
#include "exporter/scrape/failure_log.h"
#include "exporter/web/answer.h"
#include "exporter/web/openness.h"

#define ROUTE_SEARCH_SIZE 100 /* room for an address, its interface and a port */

struct endpoint;

/* The same for every request. */
struct site {
	const char *telemetry_path;
	collector_set enabled; /* collectors that a scrape may ask for */
	bool api;
	bool api_is_guarded;   /* it shows other network namespaces: see route_may_ask_api() */
	bool failures;	       /* /api/v1/failures is there */
	size_t first_view;     /* the views' place in the gatherer's list */
	const char *listening; /* where, in words, printable; NULL: not known */
	const char *procfs;
	struct source_options source;
};

struct route {
	const struct endpoint *endpoint; /* NULL: answer says why there is none. parse may set it */
	struct answer answer;		 /* also of a page; the caller releases it */
	bool json;			 /* errors are JSON */
	collector_set asked;		 /* collectors and views */
	struct exposition_choice choice; /* for metrics */
	bool gzip;
	size_t limit;			  /* for destinations, namespaces and a port */
	bool owners;			  /* for destinations */
	char namespace[NETNS_ASKED_NAME]; /* the network namespace that is asked for; "": ours */
	uint16_t port;
	bool has_mark; /* it asks for the ports of one destination or owner, which is mark */
	struct mark_asked mark;		/* all zero if it asks for none */
	char search[ROUTE_SEARCH_SIZE]; /* what is searched for */
	bool has_failure_id;		/* for failures */
	struct failure_id failure_id;
	struct openness openness; /* for the page at "/" */
	double seconds;		  /* until the client stops waiting */
};

struct http_request {
	const char *method;
	const char *path;   /* decoded */
	const char *target; /* as it was sent, query included */
	bool from_loopback; /* from this host */
	bool from_unix;	    /* over a unix socket */
	bool has_password;  /* had to give one for this path, and it was right */
	bool is_certified;  /* has shown a certificate that was verified */
	const char *host;   /* the headers; NULL: not sent */
	const char *accept;
	const char *accept_encoding;
	const char *scrape_timeout;
	const char *last_event_id;
	struct openness openness; /* for the path "/"; without is_local */
	/* Calls each for every parameter of the query; value may be NULL. */
	void (*parameters)(void *source,
	    void (*each)(void *context, const char *key, const char *value), void *context);
	void *source;
};

/* Whether the method is GET or HEAD, which every path accepts. */
bool route_reads(const char *method);

/* Whether errors at the path are JSON. */
bool route_is_json(const char *path);

/* Whether the client is on this host, and names it by a loopback address. */
bool route_is_local(const struct http_request *request);

/*
 * Whether the API is for this client. If it is guarded, it is for those on this host, and for those
 * that gave a password or a certificate. What the request says of its origin does not count.
 */
bool route_may_ask_api(const struct site *site, const struct http_request *request);

struct route route_find(const struct site *site, const struct http_request *request);

/* Whether both get the same bytes from one scrape. */
bool route_is_same(const struct route *a, const struct route *b);

#endif
