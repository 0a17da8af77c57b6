/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OPTIONS_H
#define EPHEMERA_OPTIONS_H

/* The command line. Collectors' flags come from the registry. */

#include <stdio.h>

#include "collectors/gather.h"
#include "exporter/clients.h"
#include "exporter/listen.h"
#include "exporter/log.h"

enum command {
	COMMAND_SERVE,
	COMMAND_METRICS,
	COMMAND_DESTINATIONS,
	COMMAND_PORT,
	COMMAND_TRACE,
	COMMAND_CHECK_CONFIG,
	COMMAND_HEALTHCHECK,
	COMMAND_HELP,
	COMMAND_VERSION
};

#define LISTEN_ADDRESSES_MAX 16

struct options {
	enum command command;
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
	bool disable_exporter_metrics;
	collector_set enabled;
	collector_set wanted; /* switched on by a flag of their own */
	unsigned long values[COLLECTORS_MAX][COLLECTOR_FLAGS_MAX];
	const char *procfs;
	const char *sysfs;
	struct source_options source;
	struct portset ports;	     /* port: what is asked for, none of them 0 */
	struct portset single_ports; /* of those, the ones that were not asked for in a range */
	unsigned long limit; /* destinations, trace: rows; port: sockets of a port and side */
	bool json;
	bool watch;
	bool resolve;
	bool all_processes;
	unsigned long process; /* healthcheck: whose addresses; 0: those of the flags */
	bool ready;	       /* healthcheck: whether a scrape would work */
	bool enable_api;
	int sandbox_off;     /* 0: --security.sandbox=on */
	const char *user;    /* whom root becomes */
	const char *checked; /* check-config: the file */
	enum log_level log_level;
	enum log_format log_format;
};

#define OPTIONS_ERROR_SIZE 256

/*
 * Reads the command line into ret_options, whose strings point into argv. Returns 0, or
 * -EINVAL with what is wrong, flag and value, in error.
 */
int options_parse(
    int argc, char **argv, struct options *ret_options, char error[static OPTIONS_ERROR_SIZE]);

/* Whether a collector of the registry is on. */
bool options_has_collector(const struct options *options, const char *name);

/* --help */
void options_help(FILE *file);

#endif
