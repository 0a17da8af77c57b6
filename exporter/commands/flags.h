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
	const char *initial; /* the value where it is not given; NULL: none, or help says which */
	const char *help;
	enum flag_kind kind;
	size_t offset; /* in struct options */
	unsigned long minimum;
	unsigned long maximum;
	const char *const *choices;
	const char *commands; /* names of those that it is a flag of, "serve" that
				 without one; NULL: of all that take flags */
};

extern const struct flag flags[];
extern const size_t flags_length;

/* Whether it is a flag of that command, by its name; NULL: of the one without. */
bool flag_is_of(const struct flag *flag, const char *command);

#define FLAG_HELP_SIZE 256

/* What the flag is for, and its default. */
void flag_format_help(const struct flag *flag, char text[static FLAG_HELP_SIZE]);

/* What --help, --version and --collector.disable-defaults, which are not in the table, do. */
extern const char flag_help_help[];
extern const char flag_version_help[];
extern const char flag_disable_defaults_help[];

#endif
