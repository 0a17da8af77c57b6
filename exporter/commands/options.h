/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OPTIONS_H
#define EPHEMERA_OPTIONS_H

/* The command line. Collectors' flags come from the registry. */

#include <stdio.h>

#include "collectors/gather.h"
#include "collectors/views/port_asked.h"
#include "exporter/base/log.h"
#include "exporter/daemon/serve.h"

struct command;

struct options {
	const struct command *command;
	const struct command *about; /* help: which command; NULL: all */
	struct serve_options serve;  /* what other commands also have is below, not here */
	bool disable_exporter_metrics;
	collector_set enabled;
	collector_set wanted; /* switched on by their own flag */
	unsigned long values[COLLECTORS_MAX][COLLECTOR_FLAGS_MAX];
	const char *procfs;
	const char *sysfs;
	struct source_options source;
	int all_namespaces; /* 1: every network namespace of the host, not only ours */
	struct namespaces_options namespaces;
	const char *pods;
	const char *namespace;	 /* the one that a command asks, or "all"; NULL: ours */
	struct port_asked asked; /* port: what is asked for */
	/* destinations, top, port, trace: only to these, and only by this; NULL: by anyone */
	struct peer_filter peers;
	const char *by;
	unsigned long limit; /* destinations, trace: rows; port: sockets of a port and side */
	bool json;
	bool watch;
	bool resolve;
	bool snat; /* destinations: those of source NAT */
	struct port_range
	    snat_ports; /* that its rules name; 0 to 0: as the collector's flag says */
	bool all_processes;
	bool oneline;		  /* port: a line for each socket */
	bool trace_leases;	  /* trace: leases, not failures */
	unsigned long buffer_mib; /* trace: memory for leases */
	int sorts_by_age;	  /* port: 1: the oldest sockets first */
	const char *at;		  /* port: the time; NULL: now */
	const char *leases;	  /* port: the file of leases, "-" for standard input; NULL: none */
	unsigned long process;	  /* healthcheck: use the addresses of this pid; 0: of the flags */
	bool ready;		  /* healthcheck: also check that a scrape would work */
	const char *systemd;	  /* advise: such as "/etc/systemd/system" */
	const char *checked;	  /* check-config: the file */
	enum log_level log_level;
	enum log_format log_format;
};

#define OPTIONS_ERROR_SIZE 256

/*
 * Reads the command line into ret_options, whose strings point into argv. Returns 0; or -EINVAL,
 * and in error what is wrong, with flag and value.
 */
int options_parse(
    int argc, char **argv, struct options *ret_options, char error[static OPTIONS_ERROR_SIZE]);

/* Whether a collector of the registry is on. */
bool options_has_collector(const struct options *options, const char *name);
/* The values of a collector's flags, in their order, whether it is on or not. */
const unsigned long *options_values(const struct options *options, const char *name);

/* --help: of all commands, and of one that has a name. */
void options_help(FILE *file);
void options_help_command(FILE *file, const struct command *command);

#endif
