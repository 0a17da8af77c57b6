/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SERVE_H
#define EPHEMERA_SERVE_H

/* The service, from its start to the signal that ends it. */

#include "exporter/daemon/listen.h"
#include "exporter/scrape/scraper.h"

struct serve_options {
	struct listen_address addresses[LISTEN_ADDRESSES_MAX];
	size_t addresses_length;
	unsigned long socket_mode; /* of unix sockets */
	bool systemd_socket;
	const char *web_config; /* NULL: none */
	const char *telemetry_path;
	unsigned long max_requests;
	unsigned long max_requests_per_address;
	unsigned long max_connections;
	unsigned long max_connections_per_address;
	unsigned long max_header_bytes;
	unsigned long max_walks_per_second;
	unsigned long request_seconds;
	unsigned long response_seconds;
	bool enable_api;
	bool all_namespaces; /* they are shown: the API is not for everyone */
	int sandbox_off;     /* 0: --security.sandbox=on */
	const char *user;    /* the user that root becomes */

	/* The other commands have these too. */
	collector_set enabled;
	unsigned rights; /* enum collector_right, that the enabled collectors keep */
	const char *procfs;
	const char *sysfs;
	struct source_options source;
	struct conntrack *conntrack; /* for the API; NULL: it shows no source NAT */
};

/*
 * Listens, and answers until SIGTERM or SIGINT. Logs errors. Returns 0; or -errno if it could not
 * start.
 */
int serve(const struct serve_options *options, struct scraper *scraper, struct self *self);

#endif
