/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WEB_CONFIG_READER_H
#define EPHEMERA_WEB_CONFIG_READER_H

/*
 * How the sections of the web configuration are read from the YAML tree. Each function returns
 * 0, or -errno with what is wrong in the reader's error.
 */

#include "exporter/access/web_config_file.h"
#include "exporter/access/yaml_tree.h"

#define WEB_LIST_MAX 100

struct web_reader {
	const char *name;      /* the file's, for errors */
	const char *directory; /* that relative paths start from */
	const char *section;   /* being read; NULL: the top */
	struct web_config *config;
	char *error;
};

/* The keys of a section, and behind them where the document has each; NULL: not given. */
struct web_section {
	const char *name; /* NULL: the top */
	const char *const *keys;
	const struct yaml_item **found;
	size_t length;
};

struct web_word {
	const char *name;
	int value;
};

/* line 0: about no line; key NULL: about no key, but the section, where there is one. */
int web_reader_fail(struct web_reader *reader, unsigned line, const char *key, const char *format,
    ...) __attribute__((format(printf, 4, 5)));
/* Another kind of value is wanted. */
int web_reader_fail_kind(
    struct web_reader *reader, const struct yaml_item *item, const char *wanted);
int web_reader_no_memory(struct web_reader *reader);

/* NULL: no memory. */
char *web_reader_copy(const char *text, size_t length);

/* What an item has; NULL for NULL. */
const struct yaml_value *web_reader_value(const struct yaml_item *item);

/*
 * An item that is NULL is one that is not given, for which what the other functions return by
 * a pointer is left alone.
 */

/* Text of the tree; NULL where it is not given or empty, which in Go is the same. */
int web_reader_text(struct web_reader *reader, const struct yaml_item *item, const char **ret_text);
int web_reader_bool(struct web_reader *reader, const struct yaml_item *item, bool *ret_bool);
int web_reader_word(struct web_reader *reader, const struct yaml_item *item,
    const struct web_word *words, size_t length, int *ret_value);
/*
 * A list of text; check() says what is wrong with an entry, or NULL. What was read before an
 * error is in strings all the same, to be freed.
 */
int web_reader_list(struct web_reader *reader, const struct yaml_item *item,
    const char *(*check)(const char *text), struct strings *strings);

/*
 * Enters the section, whose value is a mapping or nothing, and finds its keys; there may be no
 * others.
 */
int web_reader_section(
    struct web_reader *reader, const struct yaml_value *value, const struct web_section *section);

/* tls_server_config; item NULL: not given. */
int web_config_read_tls(struct web_reader *reader, const struct yaml_item *item);

#endif
