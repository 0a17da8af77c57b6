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
	yaml_document_t document;
	struct web_config *config;
	char *error;
};

/* A key of the document, and what it has. */
struct web_item {
	const char *key; /* NULL: not given, and so are the others */
	unsigned line;
	const yaml_node_t *value;
	const char *text; /* the value's; NULL: a list, a mapping or nothing */
};

/* The keys of a section, and behind them what the document has of each that is not nothing. */
struct web_section {
	const char *name; /* NULL: the top */
	const char *const *keys;
	struct web_item *found;
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
int web_reader_fail_kind(struct web_reader *reader, struct web_item item, const char *wanted);
int web_reader_no_memory(struct web_reader *reader);

struct web_item web_reader_item(struct web_reader *reader, const yaml_node_pair_t *pair);

/* Of an item that is not given, what is returned by a pointer is left alone. */

/* Text of the tree; NULL where it is not given or empty, which in Go is the same. */
int web_reader_text(struct web_reader *reader, struct web_item item, const char **ret_text);
int web_reader_bool(struct web_reader *reader, struct web_item item, bool *ret_bool);
int web_reader_word(struct web_reader *reader, struct web_item item, const struct web_word *words,
    size_t length, int *ret_value);
/*
 * A list of text; check() says what is wrong with an entry, or NULL. What was read before an
 * error is in strings all the same, to be freed.
 */
int web_reader_list(struct web_reader *reader, struct web_item item,
    const char *(*check)(const char *text), struct strings *strings);

/*
 * Enters the section, whose value is a mapping or nothing (or NULL), and finds its keys; there may
 * be no others.
 */
int web_reader_section(
    struct web_reader *reader, const yaml_node_t *value, const struct web_section *section);

/* tls_server_config */
int web_config_read_tls(struct web_reader *reader, struct web_item item);

#endif
