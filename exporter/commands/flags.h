/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FLAGS_H
#define EPHEMERA_FLAGS_H

/*
 * The table of flags, except those of collectors. The command line, --help, the man page and the
 * shells' completions are made from it.
 */

#include <stdbool.h>
#include <stddef.h>

enum flag_kind {
	KIND_SWITCH,   /* bool, no value */
	KIND_NUMBER,   /* unsigned long */
	KIND_DURATION, /* unsigned long, in seconds: "90", "90s", "5m" or "1h" */
	KIND_OCTAL,    /* unsigned long */
	KIND_STRING,   /* const char * */
	KIND_ADDRESS,  /* appended to addresses */
	KIND_CHOICE,   /* an enum: the index of the value in choices */
	KIND_PORTS,    /* struct port_range: "8080" or "8000-8080" */
	KIND_PEERS,    /* struct peer_filter: "10.0.0.0/8,:443" */
	KIND_STATES,   /* struct state_set: "established,time-wait" */
};

struct flag {
	const char *name;    /* without the dashes */
	const char *value;   /* its value in --help; FILE, DIRECTORY and USER are completed */
	const char *initial; /* the default; NULL: none, or help says which */
	const char *help;
	enum flag_kind kind;
	size_t offset; /* in struct options */
	unsigned long minimum;
	unsigned long maximum;
	const char *const *choices;
	const char *commands; /* the commands that have it, "serve" for the one without a name;
				 NULL: all that take flags */
};

extern const struct flag flags[];
extern const size_t flags_length;

/* Whether the command has this flag; NULL: the command without a name. */
bool flag_is_of(const struct flag *flag, const char *command);

#define FLAG_HELP_SIZE 256

/* The help of the flag, with its default. */
void flag_format_help(const struct flag *flag, char text[static FLAG_HELP_SIZE]);

/*
 * The same for that command alone: without the clauses that begin with the names of others, such as
 * "port: ", and without its own name.
 */
void flag_format_help_of(
    const struct flag *flag, const char *command, char text[static FLAG_HELP_SIZE]);

/* The help of --help, --version and --collector.disable-defaults, which are not in the table. */
extern const char flag_help_help[];
extern const char flag_version_help[];
extern const char flag_disable_defaults_help[];

#endif
