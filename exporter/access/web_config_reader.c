// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/access/web_config_value.h"
#include "exporter/base/text.h"

/* The file's name may be long: what is wrong must fit behind it. */
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

static const char *describe(const struct yaml_value *value)
{
	switch (value->kind) {
	case YAML_KIND_NULL:
		return "nothing";
	case YAML_KIND_TEXT:
		return "text";
	case YAML_KIND_LIST:
		return "a list";
	default:
		return "a mapping";
	}
}

int web_reader_fail_kind(
    struct web_reader *reader, const struct yaml_item *item, const char *wanted)
{
	return web_reader_fail(reader, item->key->line, item->key->text, "%s is wanted, not %s",
	    wanted, describe(item->value));
}

char *web_reader_copy(const char *text, size_t length)
{
	char *copied = malloc(length + 1);

	if (!copied)
		return NULL;
	memcpy(copied, text, length);
	copied[length] = '\0';
	return copied;
}

int web_reader_text(struct web_reader *reader, const struct yaml_item *item, const char **ret_text)
{
	if (item && item->value->kind != YAML_KIND_TEXT)
		return web_reader_fail_kind(reader, item, "text");
	*ret_text = item && item->value->text[0] ? item->value->text : NULL;
	return 0;
}

int web_reader_bool(struct web_reader *reader, const struct yaml_item *item, bool *ret_bool)
{
	if (!item)
		return 0;
	if (item->value->kind != YAML_KIND_TEXT)
		return web_reader_fail_kind(reader, item, "true or false");
	if (!item->value->is_plain || web_value_parse_bool(item->value->text, ret_bool) < 0)
		return web_reader_fail(reader, item->key->line, item->key->text,
		    "true or false is wanted, not \"%.80s\"%s", item->value->text,
		    item->value->is_plain ? "" : " in quotation marks");
	return 0;
}

int web_reader_word(struct web_reader *reader, const struct yaml_item *item,
    const struct web_word *words, size_t length, int *ret_value)
{
	if (!item)
		return 0;
	if (item->value->kind != YAML_KIND_TEXT)
		return web_reader_fail_kind(reader, item, "text");
	for (size_t i = 0; i < length; i++) {
		if (strcmp(words[i].name, item->value->text) == 0) {
			*ret_value = words[i].value;
			return 0;
		}
	}
	return web_reader_fail(reader, item->key->line, item->key->text,
	    "\"%.80s\" is none of its values", item->value->text);
}

int web_reader_list(struct web_reader *reader, const struct yaml_item *item,
    const char *(*check)(const char *text), struct strings *strings)
{
	if (!item)
		return 0;

	const struct yaml_value *value = item->value;
	const char *key = item->key->text;

	if (value->kind != YAML_KIND_LIST)
		return web_reader_fail_kind(reader, item, "a list");
	if (value->items_length > WEB_LIST_MAX)
		return web_reader_fail(
		    reader, item->key->line, key, "more than %d entries", WEB_LIST_MAX);
	if (value->items_length == 0)
		return 0;
	strings->list = calloc(value->items_length, sizeof(*strings->list));
	if (!strings->list)
		return web_reader_no_memory(reader);
	for (size_t i = 0; i < value->items_length; i++) {
		const struct yaml_value *entry = value->items[i].value;

		if (entry->kind != YAML_KIND_TEXT)
			return web_reader_fail(reader, entry->line, key,
			    "text is wanted in the list, not %s", describe(entry));

		const char *wrong = check(entry->text);

		if (wrong)
			return web_reader_fail(
			    reader, entry->line, key, "\"%.80s\" is %s", entry->text, wrong);
		strings->list[i] = web_reader_copy(entry->text, entry->length);
		if (!strings->list[i])
			return web_reader_no_memory(reader);
		strings->length++;
	}
	return 0;
}

int web_reader_section(
    struct web_reader *reader, const struct yaml_value *value, const struct web_section *section)
{
	reader->section = section->name;
	for (size_t i = 0; i < section->length; i++)
		section->found[i] = NULL;
	if (!value || value->kind == YAML_KIND_NULL)
		return 0;
	if (value->kind != YAML_KIND_MAPPING)
		return web_reader_fail(
		    reader, value->line, NULL, "a mapping is wanted, not %s", describe(value));
	for (size_t i = 0; i < value->items_length; i++) {
		const struct yaml_item *item = &value->items[i];
		size_t found = 0;

		while (
		    found < section->length && strcmp(section->keys[found], item->key->text) != 0)
			found++;
		if (found == section->length)
			return web_reader_fail(reader, item->key->line, NULL,
			    "unknown key \"%.80s\"", item->key->text);
		if (item->value->kind != YAML_KIND_NULL)
			section->found[found] = item;
	}
	return 0;
}

const struct yaml_value *web_reader_value(const struct yaml_item *item)
{
	return item ? item->value : NULL;
}
