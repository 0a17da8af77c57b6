/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WEB_CONFIG_READER_H
#define EPHEMERA_WEB_CONFIG_READER_H

/*
 * Reads the sections of the web configuration from the YAML tree. Each function returns 0; or
 * -errno, and in the reader's error what is wrong.
 */

#include "exporter/access/web_config_file.h"
#include "exporter/access/yaml_tree.h"

#define WEB_LIST_MAX 100

struct web_reader {
	const char *name;      /* the file's, for errors */
	const char *directory; /* of relative paths */
	const char *section;   /* being read; NULL: the top */
	yaml_document_t document;
	struct web_config *config;
	char *error;
};

/* A key of the document, and its value. */
struct web_item {
	const char *key; /* NULL: not given, and so are the others */
	unsigned line;
	const yaml_node_t *value;
	const char *text; /* of the value; NULL: a list, a mapping or nothing */
};

/* The keys of a section, and in found what the document has for each. */
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

/* line 0: the error has no line; key NULL: it is about the section or the whole file. */
int web_reader_fail(struct web_reader *reader, unsigned line, const char *key, const char *format,
    ...) __attribute__((format(printf, 4, 5)));
/* "expected text, got a list": the value is of another kind. */
int web_reader_fail_kind(struct web_reader *reader, struct web_item item, const char *wanted);
int web_reader_no_memory(struct web_reader *reader);

struct web_item web_reader_item(struct web_reader *reader, const yaml_node_pair_t *pair);

/* If the item is not given, these leave their result alone. */

/* Text of the tree; NULL if it is not given or empty, which is the same in Go. */
int web_reader_text(struct web_reader *reader, struct web_item item, const char **ret_text);
int web_reader_bool(struct web_reader *reader, struct web_item item, bool *ret_bool);
int web_reader_word(struct web_reader *reader, struct web_item item, const struct web_word *words,
    size_t length, int *ret_value);
/*
 * A list of text. check() returns what is wrong with an entry, as the end of a sentence
 * ("must not be empty"), or NULL. After an error strings holds what was read so far; the caller
 * frees it.
 */
int web_reader_list(struct web_reader *reader, struct web_item item,
    const char *(*check)(const char *text), struct strings *strings);

/*
 * Enters the section and finds its keys. Its value must be a mapping; nothing if it is the whole
 * document; or NULL: it is not given. Unknown keys are an error, and so are keys without a value:
 * they are what is left where a file was cut.
 */
int web_reader_section(
    struct web_reader *reader, const yaml_node_t *value, const struct web_section *section);

/* tls_server_config */
int web_config_read_tls(struct web_reader *reader, struct web_item item);

#endif
