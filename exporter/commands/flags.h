/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FLAGS_H
#define EPHEMERA_FLAGS_H

/*
 * The table of flags, but for those of collectors: reading, --help, the manual and the shells'
 * completions go by it.
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
	KIND_CHOICE,   /* an enum, by the words of choices */
	KIND_PORTS,    /* struct port_range: "8080" or "8000-8080" */
};

struct flag {
	const char *name;  /* without the dashes */
	const char *value; /* what --help calls its value; FILE, DIRECTORY and USER are completed */
	const char *help;
	enum flag_kind kind;
	size_t offset; /* in struct options */
	unsigned long minimum;
	unsigned long maximum;
	const char *const *choices;
	unsigned commands; /* bits of enum command that it is a flag of; 0: of them all */
};

extern const struct flag flags[];
extern const size_t flags_length;

/* What --help, --version and --collector.disable-defaults, which are not in the table, do. */
extern const char flag_help_help[];
extern const char flag_version_help[];
extern const char flag_disable_defaults_help[];

#endif
