/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_YAML_TREE_H
#define EPHEMERA_YAML_TREE_H

/*
 * One YAML document as a tree. Aliases are followed: the same value may stand in several
 * places, never within itself. No key is twice in a mapping. All text is UTF-8 without zero
 * bytes. Merge keys ("<<"), tags other than !!str, !!seq and !!map, and UTF-16 are errors.
 */

#include <stdbool.h>
#include <stddef.h>

#define YAML_TREE_DEPTH 10
#define YAML_TREE_VALUES 10000
#define YAML_TREE_ANCHORS 100
#define YAML_TREE_TAG_DIRECTIVES 100

enum yaml_kind {
	YAML_KIND_NULL, /* nothing, ~ or null; text is what was written */
	YAML_KIND_TEXT,
	YAML_KIND_LIST,
	YAML_KIND_MAPPING
};

struct yaml_value {
	enum yaml_kind kind;
	unsigned line; /* from 1 */
	bool is_plain; /* text without quotation marks: it may be a number or a truth value */
	char *text;
	size_t length;		 /* of text */
	struct yaml_item *items; /* of a list or a mapping, in the order of the document */
	size_t items_length;
	struct yaml_value *next; /* of the tree's */
};

struct yaml_item {
	struct yaml_value *key; /* YAML_KIND_TEXT or YAML_KIND_NULL; in a list NULL */
	struct yaml_value *value;
};

struct yaml_tree {
	struct yaml_value *root;   /* NULL: the document is empty */
	struct yaml_value *values; /* all there are, to be freed */
};

#define YAML_ERROR_SIZE 256

struct yaml_error {
	unsigned line;		    /* 0: about no line */
	char text[YAML_ERROR_SIZE]; /* may quote the document, and is to be made printable */
};

/* Returns 0, -ENOMEM, or -EINVAL with what is wrong in error, which both others leave alone. */
int yaml_tree_parse(
    const char *text, size_t length, struct yaml_tree **ret_tree, struct yaml_error *error);

/* Overwrites all text before it is freed. NULL is fine. */
void yaml_tree_free(struct yaml_tree *tree);

#endif
