/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OPTIONS_H
#define EPHEMERA_OPTIONS_H

/* The command line. Collectors' flags come from the registry. */

#include <stdio.h>

#include "collectors/gather.h"
#include "exporter/base/log.h"
#include "exporter/daemon/serve.h"

struct command;

struct options {
	const struct command *command;
	struct serve_options serve; /* but for what the other commands have, too, which is below */
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
	const char *checked;   /* check-config: the file */
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
