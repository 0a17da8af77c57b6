// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "collectors/kernel/grow.h"
#include "exporter/base/secret.h"

struct anchor {
	char *name;
	struct yaml_value *value;
};

/* A list or mapping whose end has not been seen. */
struct open {
	struct yaml_value *value;
	struct yaml_value *key; /* of a mapping: its value comes next */
};

struct builder {
	const char *text;
	size_t length;
	yaml_parser_t parser;
	struct yaml_tree *tree;
	struct anchor anchors[YAML_TREE_ANCHORS];
	size_t anchors_length;
	struct open open[YAML_TREE_DEPTH];
	size_t depth;
	unsigned placed; /* values, as often as they stand somewhere */
	unsigned documents;
	struct yaml_error *error;
};

static int fail(struct yaml_error *error, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct yaml_error *error, unsigned line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	error->line = line;
	return -EINVAL;
}

static unsigned line_of(const yaml_event_t *event)
{
	return (unsigned)event->start_mark.line + 1;
}

static struct yaml_value *new_value(
    struct builder *builder, const yaml_event_t *event, enum yaml_kind kind)
{
	struct yaml_value *value = calloc(1, sizeof(*value));

	if (!value)
		return NULL;
	value->kind = kind;
	value->line = line_of(event);
	value->next = builder->tree->values;
	builder->tree->values = value;
	return value;
}

static int set_anchor(
    struct builder *builder, const yaml_event_t *event, const char *name, struct yaml_value *value)
{
	if (!name)
		return 0;
	if (builder->anchors_length == YAML_TREE_ANCHORS)
		return fail(
		    builder->error, line_of(event), "more than %d anchors", YAML_TREE_ANCHORS);

	const size_t size = strlen(name) + 1;
	char *copy = malloc(size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, size);
	builder->anchors[builder->anchors_length].name = copy;
	builder->anchors[builder->anchors_length].value = value;
	builder->anchors_length++;
	return 0;
}

/* The last anchor of that name counts. */
static struct yaml_value *find_anchor(const struct builder *builder, const char *name)
{
	for (size_t i = builder->anchors_length; i > 0; i--)
		if (strcmp(builder->anchors[i - 1].name, name) == 0)
			return builder->anchors[i - 1].value;
	return NULL;
}

static int check_key(struct builder *builder, const struct yaml_value *mapping,
    const struct yaml_value *key, unsigned line)
{
	if (key->kind != YAML_KIND_TEXT && key->kind != YAML_KIND_NULL)
		return fail(builder->error, line, "a key is a list or a mapping");
	if (key->is_plain && strcmp(key->text, "<<") == 0)
		return fail(builder->error, line, "merge keys (\"<<\") are not supported");
	for (size_t i = 0; i < mapping->items_length; i++)
		if (strcmp(mapping->items[i].key->text, key->text) == 0)
			return fail(builder->error, line,
			    "\"%.80s\" is given twice, first on line %u", key->text,
			    mapping->items[i].key->line);
	return 0;
}

/* Puts a value where the document has it, which by an alias may be on another line. */
static int place(struct builder *builder, struct yaml_value *value, unsigned line)
{
	if (builder->placed++ == YAML_TREE_VALUES)
		return fail(builder->error, line, "more than %d values", YAML_TREE_VALUES);
	if (builder->depth == 0) {
		builder->tree->root = value;
		return 0;
	}

	struct open *open = &builder->open[builder->depth - 1];
	struct yaml_value *parent = open->value;

	if (parent->kind == YAML_KIND_MAPPING && !open->key) {
		const int result = check_key(builder, parent, value, line);

		if (result == 0)
			open->key = value;
		return result;
	}

	struct yaml_item *items = grow_for_one(parent->items, parent->items_length, sizeof(*items));

	if (!items)
		return -ENOMEM;
	parent->items = items;
	parent->items[parent->items_length++] = (struct yaml_item){open->key, value};
	open->key = NULL;
	return 0;
}

static bool is_null(const char *text)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (strcmp(nulls[i], text) == 0)
			return true;
	return false;
}

/* A tag of YAML's own for what the value is anyway, or none. */
static int check_tag(
    struct builder *builder, const yaml_event_t *event, const yaml_char_t *tag, const char *own)
{
	if (!tag || strcmp((const char *)tag, "!") == 0 || strcmp((const char *)tag, own) == 0)
		return 0;
	return fail(builder->error, line_of(event), "the tag \"%.80s\" is not supported here",
	    (const char *)tag);
}

static int add_scalar(struct builder *builder, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const size_t length = event->data.scalar.length;
	const int tagged = check_tag(builder, event, event->data.scalar.tag, YAML_STR_TAG);

	if (tagged < 0)
		return tagged;
	if (length && memchr(text, '\0', length))
		return fail(builder->error, line_of(event), "text with a zero byte");

	struct yaml_value *value = new_value(builder, event, YAML_KIND_TEXT);

	if (value)
		value->text = malloc(length + 1);
	if (!value || !value->text)
		return -ENOMEM;
	if (length)
		memcpy(value->text, text, length);
	value->text[length] = '\0';
	value->length = length;
	value->is_plain = event->data.scalar.plain_implicit &&
			  event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (value->is_plain && is_null(value->text))
		value->kind = YAML_KIND_NULL;

	const int result =
	    set_anchor(builder, event, (const char *)event->data.scalar.anchor, value);

	return result < 0 ? result : place(builder, value, line_of(event));
}

static int begin_container(struct builder *builder, const yaml_event_t *event)
{
	const bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
	const yaml_char_t *tag =
	    is_list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
	const yaml_char_t *anchor =
	    is_list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
	int result = check_tag(builder, event, tag, is_list ? YAML_SEQ_TAG : YAML_MAP_TAG);

	if (result < 0)
		return result;
	if (builder->depth == YAML_TREE_DEPTH)
		return fail(builder->error, line_of(event), "nested deeper than %d levels",
		    YAML_TREE_DEPTH);

	struct yaml_value *value =
	    new_value(builder, event, is_list ? YAML_KIND_LIST : YAML_KIND_MAPPING);

	if (!value)
		return -ENOMEM;
	result = set_anchor(builder, event, (const char *)anchor, value);
	if (result == 0)
		result = place(builder, value, line_of(event));
	if (result == 0)
		builder->open[builder->depth++] = (struct open){value, NULL};
	return result;
}

static int add_alias(struct builder *builder, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct yaml_value *value = find_anchor(builder, name);

	if (!value)
		return fail(builder->error, line_of(event), "there is no anchor \"%.80s\"", name);
	for (size_t i = 0; i < builder->depth; i++)
		if (builder->open[i].value == value)
			return fail(builder->error, line_of(event),
			    "the alias \"%.80s\" stands within its own anchor", name);
	return place(builder, value, line_of(event));
}

static int add_event(struct builder *builder, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++builder->documents > 1)
			return fail(builder->error, line_of(event), "a second document");
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

static unsigned count_lines(const char *text, size_t length)
{
	unsigned lines = 1;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

static int fail_by_parser(struct builder *builder)
{
	const yaml_parser_t *parser = &builder->parser;
	const char *problem = parser->problem ? parser->problem : "something else";
	unsigned line = (unsigned)parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	/* What reads characters is ahead of what counts lines. */
	if (parser->error == YAML_READER_ERROR)
		line = count_lines(builder->text, parser->problem_offset < builder->length
						      ? parser->problem_offset
						      : builder->length);
	return fail(builder->error, line, "no YAML: %s", problem);
}

static int build(struct builder *builder)
{
	bool ended = false;

	while (!ended) {
		yaml_event_t event;

		if (!yaml_parser_parse(&builder->parser, &event))
			return fail_by_parser(builder);

		const int result = add_event(builder, &event);

		ended = event.type == YAML_STREAM_END_EVENT;
		if (event.type == YAML_SCALAR_EVENT)
			explicit_bzero(event.data.scalar.value, event.data.scalar.length);
		yaml_event_delete(&event);
		if (result < 0)
			return result;
	}
	return 0;
}

/*
 * Also overwrites the text that libyaml holds: its buffers, and what it read ahead. What it
 * moved when a string of its own grew is out of reach.
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
 * libyaml compares each %TAG directive with all before it, and takes text of 16-bit
 * characters, in which they would not be found here.
 */
static int check_encoding(const char *text, size_t length, struct yaml_error *error)
{
	const char *end = text + length;
	unsigned directives = 0;

	if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return fail(error, 1, "text in UTF-16, where UTF-8 is wanted");
	while ((text = memmem(text, (size_t)(end - text), "%TAG", 4))) {
		text += 4;
		if (++directives > YAML_TREE_TAG_DIRECTIVES)
			return fail(
			    error, 0, "more than %d %%TAG directives", YAML_TREE_TAG_DIRECTIVES);
	}
	return 0;
}

int yaml_tree_parse(
    const char *text, size_t length, struct yaml_tree **ret_tree, struct yaml_error *error)
{
	int result = check_encoding(text, length, error);

	if (result < 0)
		return result;

	struct builder *builder = calloc(1, sizeof(*builder));

	if (builder)
		builder->tree = calloc(1, sizeof(*builder->tree));
	if (!builder || !builder->tree || !yaml_parser_initialize(&builder->parser)) {
		if (builder)
			free(builder->tree);
		free(builder);
		return -ENOMEM;
	}
	builder->text = text;
	builder->length = length;
	builder->error = error;
	yaml_parser_set_input_string(&builder->parser, (const unsigned char *)text, length);
	result = build(builder);
	delete_parser(&builder->parser);
	for (size_t i = 0; i < builder->anchors_length; i++)
		free(builder->anchors[i].name);
	if (result == 0)
		*ret_tree = builder->tree;
	else
		yaml_tree_free(builder->tree);
	free(builder);
	return result;
}

void yaml_tree_free(struct yaml_tree *tree)
{
	if (!tree)
		return;
	while (tree->values) {
		struct yaml_value *value = tree->values;

		tree->values = value->next;
		secret_free(value->text, value->length);
		free(value->items);
		free(value);
	}
	free(tree);
}
