// SPDX-License-Identifier: Apache-2.0
/*
 * Why not yaml_parser_load(): it has no bounds, so a mebibyte of brackets or anchors takes minutes;
 * and after an error it frees what it has read without wiping the secrets in it.
 */
#include "exporter/access/yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct anchor {
	char *name;
	int node;
};

/* A list or mapping whose end has not come yet. */
struct open {
	int node;
	int key; /* of a mapping: its value comes next; 0: a key does */
};

struct builder {
	yaml_parser_t parser;
	yaml_document_t document;
	struct anchor anchors[YAML_TREE_ANCHORS];
	size_t anchors_length;
	struct open open[YAML_TREE_DEPTH];
	size_t depth;
	unsigned placed; /* nodes; one counts each time that it is used */
	unsigned documents;
	struct yaml_error *error;
};

static int fail(struct builder *builder, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct builder *builder, unsigned line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(builder->error->text, sizeof(builder->error->text), format, arguments);
	va_end(arguments);
	builder->error->line = line;
	return -EINVAL;
}

static unsigned line_of(const yaml_event_t *event)
{
	return (unsigned)event->start_mark.line + 1;
}

unsigned yaml_tree_line(const yaml_node_t *node)
{
	return (unsigned)node->start_mark.line + 1;
}

const char *yaml_tree_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

bool yaml_tree_is_plain(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool yaml_tree_is_null(const yaml_node_t *node)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	if (!yaml_tree_is_plain(node))
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (strcmp(nulls[i], yaml_tree_text(node)) == 0)
			return true;
	return false;
}

static int check_key(
    struct builder *builder, const yaml_node_t *mapping, const yaml_node_t *key, unsigned line)
{
	const yaml_node_pair_t *top = mapping->data.mapping.pairs.top;

	if (key->type != YAML_SCALAR_NODE)
		return fail(builder, line, "a key must be text, not a list or a mapping");

	const char *text = yaml_tree_text(key);

	if (yaml_tree_is_plain(key) && strcmp(text, "<<") == 0)
		return fail(builder, line, "merge keys (\"<<\") are not supported");
	for (const yaml_node_pair_t *i = mapping->data.mapping.pairs.start; i < top; i++) {
		const yaml_node_t *other = yaml_document_get_node(&builder->document, i->key);

		if (strcmp(yaml_tree_text(other), text) == 0)
			return fail(builder, line, "\"%.80s\" is given twice; first on line %u",
			    text, yaml_tree_line(other));
	}
	return 0;
}

/* Adds a node to its parent. line: where it is used, which differs from the node's for an alias. */
static int place(struct builder *builder, int node, unsigned line)
{
	yaml_document_t *document = &builder->document;

	if (builder->placed++ == YAML_TREE_VALUES)
		return fail(builder, line, "more than %d values", YAML_TREE_VALUES);
	if (builder->depth == 0)
		return 0; /* the root: the document's first node */

	struct open *open = &builder->open[builder->depth - 1];
	const yaml_node_t *parent = yaml_document_get_node(document, open->node);

	if (parent->type == YAML_SEQUENCE_NODE)
		return yaml_document_append_sequence_item(document, open->node, node) ? 0 : -ENOMEM;
	if (!open->key) {
		open->key = node;
		return check_key(builder, parent, yaml_document_get_node(document, node), line);
	}

	const int key = open->key;

	open->key = 0;
	return yaml_document_append_mapping_pair(document, open->node, key, node) ? 0 : -ENOMEM;
}

static int set_anchor(
    struct builder *builder, const yaml_event_t *event, const yaml_char_t *name, int node)
{
	struct anchor *anchor = &builder->anchors[builder->anchors_length];

	if (!name)
		return 0;
	if (builder->anchors_length == YAML_TREE_ANCHORS)
		return fail(builder, line_of(event), "more than %d anchors", YAML_TREE_ANCHORS);
	*anchor = (struct anchor){strdup((const char *)name), node};
	if (!anchor->name)
		return -ENOMEM;
	builder->anchors_length++;
	return 0;
}

/* node 0: memory ran out. */
static int add_node(
    struct builder *builder, const yaml_event_t *event, const yaml_char_t *anchor, int node)
{
	if (!node)
		return -ENOMEM;
	yaml_document_get_node(&builder->document, node)->start_mark = event->start_mark;

	const int result = set_anchor(builder, event, anchor, node);

	return result < 0 ? result : place(builder, node, line_of(event));
}

/* Allows no tag, or YAML's own tag for the kind that the value has anyway. */
static int check_tag(
    struct builder *builder, const yaml_event_t *event, const yaml_char_t *tag, const char *own)
{
	const char *given = (const char *)tag;

	if (!given || strcmp(given, "!") == 0 || strcmp(given, own) == 0)
		return 0;
	return fail(builder, line_of(event), "the tag \"%.80s\" is not supported here", given);
}

static int add_scalar(struct builder *builder, const yaml_event_t *event)
{
	const yaml_char_t *text = event->data.scalar.value;
	const size_t length = event->data.scalar.length;
	yaml_scalar_style_t style = event->data.scalar.style;
	const int tagged = check_tag(builder, event, event->data.scalar.tag, YAML_STR_TAG);

	if (tagged < 0)
		return tagged;
	if (memchr(text, '\0', length))
		return fail(builder, line_of(event), "text must not contain a zero byte");
	/* A tag makes it text, as quotation marks do. */
	if (!event->data.scalar.plain_implicit)
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return add_node(builder, event, event->data.scalar.anchor,
	    yaml_document_add_scalar(&builder->document, NULL, text, (int)length, style));
}

static int begin_container(struct builder *builder, const yaml_event_t *event)
{
	const bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
	const yaml_char_t *tag =
	    is_list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
	const yaml_char_t *anchor =
	    is_list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
	yaml_document_t *document = &builder->document;
	int result = check_tag(builder, event, tag, is_list ? YAML_SEQ_TAG : YAML_MAP_TAG);

	if (result < 0)
		return result;
	if (builder->depth == YAML_TREE_DEPTH)
		return fail(
		    builder, line_of(event), "nested deeper than %d levels", YAML_TREE_DEPTH);

	const int node = is_list
			     ? yaml_document_add_sequence(document, NULL, YAML_ANY_SEQUENCE_STYLE)
			     : yaml_document_add_mapping(document, NULL, YAML_ANY_MAPPING_STYLE);

	result = add_node(builder, event, anchor, node);
	if (result == 0)
		builder->open[builder->depth++] = (struct open){.node = node};
	return result;
}

static int add_alias(struct builder *builder, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	size_t at = builder->anchors_length;

	/* The last anchor with that name counts. */
	while (at > 0 && strcmp(builder->anchors[at - 1].name, name) != 0)
		at--;
	if (at == 0)
		return fail(builder, line_of(event), "there is no anchor \"%.80s\"", name);

	const int node = builder->anchors[at - 1].node;

	for (size_t i = 0; i < builder->depth; i++)
		if (builder->open[i].node == node)
			return fail(builder, line_of(event),
			    "the alias \"%.80s\" stands within its own anchor", name);
	return place(builder, node, line_of(event));
}

static int add_event(struct builder *builder, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++builder->documents > 1)
			return fail(builder, line_of(event), "only one document is allowed");
		return 0;
	case YAML_SCALAR_EVENT:
		return add_scalar(builder, event);
	case YAML_ALIAS_EVENT:
		return add_alias(builder, event);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return begin_container(builder, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		builder->depth--;
		return 0;
	default:
		return 0;
	}
}

static int fail_by_parser(struct builder *builder)
{
	const yaml_parser_t *parser = &builder->parser;
	const char *problem = parser->problem ? parser->problem : "unknown problem";
	unsigned line = (unsigned)parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	/* libyaml's reader is ahead of its line count. */
	if (parser->error == YAML_READER_ERROR) {
		const unsigned char *at = parser->input.string.start;
		size_t left = parser->problem_offset;

		for (line = 1; left > 0 && at < parser->input.string.end; left--)
			line += *at++ == '\n';
	}
	return fail(builder, line, "not valid YAML: %s", problem);
}

static int build(struct builder *builder)
{
	bool ended = false;
	int result = 0;

	while (result == 0 && !ended) {
		yaml_event_t event;

		if (!yaml_parser_parse(&builder->parser, &event))
			return fail_by_parser(builder);
		result = add_event(builder, &event);
		ended = event.type == YAML_STREAM_END_EVENT;
		if (event.type == YAML_SCALAR_EVENT)
			explicit_bzero(event.data.scalar.value, event.data.scalar.length);
		yaml_event_delete(&event);
	}
	return result;
}

/*
 * Also overwrites the text that libyaml holds: its buffers, and what it read ahead. Copies that it
 * left behind when a string grew are out of reach.
 */
static void delete_parser(yaml_parser_t *parser)
{
	if (parser->raw_buffer.start)
		explicit_bzero(parser->raw_buffer.start,
		    (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	if (parser->buffer.start)
		explicit_bzero(
		    parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
	for (yaml_token_t *token = parser->tokens.head; token != parser->tokens.tail; token++)
		if (token->type == YAML_SCALAR_TOKEN)
			explicit_bzero(token->data.scalar.value, token->data.scalar.length);
	yaml_parser_delete(parser);
}

/*
 * libyaml compares each %TAG directive with all before it, so their number is bounded. It also
 * accepts UTF-16, in which this search would not find them.
 */
static int check_encoding(struct builder *builder, const char *text, size_t length)
{
	const char *end = text + length;
	unsigned directives = 0;

	if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return fail(builder, 1, "must be UTF-8, not UTF-16");
	while ((text = memmem(text, (size_t)(end - text), "%TAG", 4))) {
		text += 4;
		if (++directives > YAML_TREE_TAG_DIRECTIVES)
			return fail(
			    builder, 0, "more than %d %%TAG directives", YAML_TREE_TAG_DIRECTIVES);
	}
	return 0;
}

int yaml_tree_parse(
    const char *text, size_t length, yaml_document_t *ret_document, struct yaml_error *error)
{
	struct builder builder = {.error = error};
	int result = check_encoding(&builder, text, length);

	if (result < 0)
		return result;
	if (!yaml_document_initialize(&builder.document, NULL, NULL, NULL, 1, 1))
		return -ENOMEM;
	if (!yaml_parser_initialize(&builder.parser)) {
		yaml_document_delete(&builder.document);
		return -ENOMEM;
	}
	yaml_parser_set_input_string(&builder.parser, (const unsigned char *)text, length);
	result = build(&builder);
	delete_parser(&builder.parser);
	for (size_t i = 0; i < builder.anchors_length; i++)
		free(builder.anchors[i].name);
	if (result == 0)
		*ret_document = builder.document;
	else
		yaml_tree_release(&builder.document);
	return result;
}

void yaml_tree_release(yaml_document_t *document)
{
	for (yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++)
		if (node->type == YAML_SCALAR_NODE)
			explicit_bzero(node->data.scalar.value, node->data.scalar.length);
	yaml_document_delete(document);
}
