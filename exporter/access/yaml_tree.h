/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_YAML_TREE_H
#define EPHEMERA_YAML_TREE_H

/*
 * One YAML document as libyaml's tree, with bounds. In a mapping each key is text and stands once;
 * no alias stands within its own anchor. Text is UTF-8 without zero bytes. Merge keys ("<<"), tags
 * other than !!str, !!seq and !!map, and UTF-16 are errors.
 */

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#define YAML_TREE_DEPTH 10
#define YAML_TREE_VALUES 10000
#define YAML_TREE_ANCHORS 100
#define YAML_TREE_TAG_DIRECTIVES 100

#define YAML_ERROR_SIZE 256

struct yaml_error {
	unsigned line;		    /* 0: not known */
	char text[YAML_ERROR_SIZE]; /* may quote the document: make it printable before use */
};

/*
 * Returns 0 with a document that the caller releases, whose root node is NULL if it is empty;
 * -ENOMEM; or -EINVAL, and in error what is wrong. The others leave error alone. In a node only
 * type, data and start_mark are set.
 */
int yaml_tree_parse(
    const char *text, size_t length, yaml_document_t *ret_document, struct yaml_error *error);

/* Overwrites all text before it is freed. */
void yaml_tree_release(yaml_document_t *document);

/* The line that the node begins on, counted from 1. */
unsigned yaml_tree_line(const yaml_node_t *node);

/* Text without quotation marks and without a tag: it may be a number or a boolean. */
bool yaml_tree_is_plain(const yaml_node_t *node);

/* Nothing, ~ or null. */
bool yaml_tree_is_null(const yaml_node_t *node);

/* The text of a scalar node. */
const char *yaml_tree_text(const yaml_node_t *node);

#endif
