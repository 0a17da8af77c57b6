// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/access/web_config_value.h"
#include "exporter/base/text.h"

/* A long file name must leave room for what is wrong. */
#define NAME_FORMAT "%.200s"

int web_reader_no_memory(struct web_reader *reader)
{
	snprintf(reader->error, WEB_CONFIG_ERROR_SIZE, NAME_FORMAT ": out of memory", reader->name);
	text_make_printable(reader->error);
	return -ENOMEM;
}

int web_reader_fail(
    struct web_reader *reader, unsigned line, const char *key, const char *format, ...)
{
	char place[16] = "";
	char what[WEB_CONFIG_ERROR_SIZE];
	va_list arguments;

	if (line)
		snprintf(place, sizeof(place), ":%u", line);
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	snprintf(reader->error, WEB_CONFIG_ERROR_SIZE, NAME_FORMAT "%s: %s%s%.60s%s%.280s",
	    reader->name, place, reader->section ? reader->section : "",
	    reader->section ? ": " : "", key ? key : "", key ? ": " : "", what);
	text_make_printable(reader->error);
	return -EINVAL;
}

static const char *describe(const yaml_node_t *value)
{
	if (value->type == YAML_SEQUENCE_NODE)
		return "a list";
	if (value->type == YAML_MAPPING_NODE)
		return "a mapping";
	return yaml_tree_is_null(value) ? "nothing" : "text";
}

static const char *text_of(const yaml_node_t *value)
{
	return value->type == YAML_SCALAR_NODE && !yaml_tree_is_null(value) ? yaml_tree_text(value)
									    : NULL;
}

struct web_item web_reader_item(struct web_reader *reader, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
	const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);

	return (struct web_item){yaml_tree_text(key), yaml_tree_line(key), value, text_of(value)};
}

int web_reader_fail_kind(struct web_reader *reader, struct web_item item, const char *wanted)
{
	return web_reader_fail(
	    reader, item.line, item.key, "expected %s, got %s", wanted, describe(item.value));
}

int web_reader_text(struct web_reader *reader, struct web_item item, const char **ret_text)
{
	if (item.key && !item.text)
		return web_reader_fail_kind(reader, item, "text");
	*ret_text = item.key && item.text[0] ? item.text : NULL;
	return 0;
}

int web_reader_bool(struct web_reader *reader, struct web_item item, bool *ret_bool)
{
	if (!item.key)
		return 0;
	if (!item.text)
		return web_reader_fail_kind(reader, item, "true or false");

	const bool is_plain = yaml_tree_is_plain(item.value);

	if (!is_plain || web_value_parse_bool(item.text, ret_bool) < 0)
		return web_reader_fail(reader, item.line, item.key,
		    "must be true or false, not \"%.80s\"%s", item.text,
		    is_plain ? "" : " in quotation marks");
	return 0;
}

int web_reader_word(struct web_reader *reader, struct web_item item, const struct web_word *words,
    size_t length, int *ret_value)
{
	if (!item.key)
		return 0;
	if (!item.text)
		return web_reader_fail_kind(reader, item, "text");
	for (size_t i = 0; i < length; i++) {
		if (strcmp(words[i].name, item.text) == 0) {
			*ret_value = words[i].value;
			return 0;
		}
	}
	return web_reader_fail(reader, item.line, item.key, "unknown value \"%.80s\"", item.text);
}

int web_reader_list(struct web_reader *reader, struct web_item item,
    const char *(*check)(const char *text), struct strings *strings)
{
	if (!item.key)
		return 0;
	if (item.value->type != YAML_SEQUENCE_NODE)
		return web_reader_fail_kind(reader, item, "a list");

	const yaml_node_item_t *entries = item.value->data.sequence.items.start;
	const size_t length = (size_t)(item.value->data.sequence.items.top - entries);

	if (length > WEB_LIST_MAX)
		return web_reader_fail(
		    reader, item.line, item.key, "more than %d entries", WEB_LIST_MAX);
	if (length == 0)
		return 0;
	strings->list = calloc(length, sizeof(*strings->list));
	if (!strings->list)
		return web_reader_no_memory(reader);
	for (size_t i = 0; i < length; i++) {
		const yaml_node_t *entry = yaml_document_get_node(&reader->document, entries[i]);
		const char *text = text_of(entry);

		if (!text)
			return web_reader_fail(reader, yaml_tree_line(entry), item.key,
			    "each entry must be text, not %s", describe(entry));

		const char *wrong = check(text);

		if (wrong)
			return web_reader_fail(
			    reader, yaml_tree_line(entry), item.key, "\"%.80s\" %s", text, wrong);
		strings->list[i] = strdup(text);
		if (!strings->list[i])
			return web_reader_no_memory(reader);
		strings->length++;
	}
	return 0;
}

int web_reader_section(
    struct web_reader *reader, const yaml_node_t *value, const struct web_section *section)
{
	reader->section = section->name;
	memset(section->found, 0, section->length * sizeof(*section->found));
	if (!value || yaml_tree_is_null(value))
		return 0;
	if (value->type != YAML_MAPPING_NODE)
		return web_reader_fail(reader, yaml_tree_line(value), NULL,
		    "expected a mapping, got %s", describe(value));
	for (const yaml_node_pair_t *i = value->data.mapping.pairs.start;
	     i < value->data.mapping.pairs.top; i++) {
		const struct web_item item = web_reader_item(reader, i);
		size_t found = 0;

		while (found < section->length && strcmp(section->keys[found], item.key) != 0)
			found++;
		if (found == section->length)
			return web_reader_fail(
			    reader, item.line, NULL, "unknown key \"%.80s\"", item.key);
		if (yaml_tree_is_null(item.value))
			return web_reader_fail(reader, item.line, item.key,
			    "has no value: give it one, or remove the key");
		section->found[found] = item;
	}
	return 0;
}
