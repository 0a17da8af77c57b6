// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "exporter/access/web_config_reader.h"
#include "exporter/access/web_config_value.h"
#include "exporter/base/secret.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define BCRYPT_COST_MIN 4
#define BCRYPT_COST_MAX 16
#define USERS_MAX WEB_CONFIG_USERS_MAX
#define BURST_MAX 1000000000L

enum { TOP_TLS, TOP_HTTP, TOP_USERS, TOP_EXCLUDED, TOP_RATE };

static const char *const top_keys[] = {
    [TOP_TLS] = "tls_server_config",
    [TOP_HTTP] = "http_server_config",
    [TOP_USERS] = "basic_auth_users",
    [TOP_EXCLUDED] = "auth_excluded_paths",
    [TOP_RATE] = "rate_limit",
};

enum { HTTP_HTTP2, HTTP_HEADERS };

static const char *const http_keys[] = {
    [HTTP_HTTP2] = "http2",
    [HTTP_HEADERS] = "headers",
};

/* The headers that can be set, and for some the only values. */
static const char *const header_keys[WEB_CONFIG_HEADERS] = {
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
};

static const char *const header_values[WEB_CONFIG_HEADERS][3] = {
    [1] = {"deny", "sameorigin"},
    [2] = {"nosniff"},
};

enum { RATE_INTERVAL, RATE_BURST };

static const char *const rate_keys[] = {
    [RATE_INTERVAL] = "interval",
    [RATE_BURST] = "burst",
};

static int read_header(struct web_reader *reader, struct web_item item, size_t header)
{
	struct web_config *config = reader->config;
	const char *const *allowed = header_values[header];
	const char *value;
	int result = web_reader_text(reader, item, &value);

	if (result < 0 || !value)
		return result;

	const char *wrong = web_value_check_header(value);

	if (wrong)
		return web_reader_fail(reader, item.line, item.key, "%s", wrong);
	if (allowed[0] && strcmp(value, allowed[0]) != 0 &&
	    !(allowed[1] && strcmp(value, allowed[1]) == 0))
		return web_reader_fail(reader, item.line, item.key,
		    "must be %s%s%s or empty, not \"%.80s\"", allowed[0], allowed[1] ? ", " : "",
		    allowed[1] ? allowed[1] : "", value);

	struct web_config_header *next = &config->headers[config->headers_length];

	next->name = header_keys[header];
	next->value = strdup(value);
	if (!next->value)
		return web_reader_no_memory(reader);
	config->headers_length++;
	return 0;
}

static int read_http(struct web_reader *reader, struct web_item item)
{
	struct web_item found[LENGTH(http_keys)];
	struct web_item headers[WEB_CONFIG_HEADERS];
	const struct web_section section = {
	    top_keys[TOP_HTTP], http_keys, found, LENGTH(http_keys)};
	const struct web_section headers_section = {
	    "http_server_config: headers", header_keys, headers, LENGTH(header_keys)};
	bool http2;
	int result = web_reader_section(reader, item.value, &section);

	if (result == 0)
		result = web_reader_bool(reader, found[HTTP_HTTP2], &http2);
	if (result == 0)
		reader->config->http2_given = found[HTTP_HTTP2].key != NULL;
	if (result == 0)
		result = web_reader_section(reader, found[HTTP_HEADERS].value, &headers_section);
	for (size_t i = 0; result == 0 && i < WEB_CONFIG_HEADERS; i++)
		result = read_header(reader, headers[i], i);
	return result;
}

static int compare_users(const void *a, const void *b)
{
	const struct web_config_user *one = a;
	const struct web_config_user *other = b;

	return strcmp(one->name, other->name);
}

static int read_user(struct web_reader *reader, struct web_item item)
{
	struct web_config *config = reader->config;
	const char *wrong = web_value_check_user(item.key);
	struct web_config_user user;
	unsigned cost;

	if (wrong)
		return web_reader_fail(reader, item.line, NULL, "%s", wrong);
	if (!item.text)
		return web_reader_fail_kind(reader, item, "a bcrypt hash");
	/* Never quoted: it may be a password, which must not end up in a log. */
	wrong = web_value_check_hash(item.text, &cost);
	if (wrong)
		return web_reader_fail(reader, item.line, item.key, "%s", wrong);
	if (cost < BCRYPT_COST_MIN || cost > BCRYPT_COST_MAX)
		return web_reader_fail(reader, item.line, item.key,
		    "the bcrypt cost must be from %d to %d, not %u; above that each check takes "
		    "seconds",
		    BCRYPT_COST_MIN, BCRYPT_COST_MAX, cost);
	user.name = strdup(item.key);
	user.hash = strdup(item.text);
	if (!user.name || !user.hash) {
		secret_free(user.hash, strlen(item.text));
		free(user.name);
		return web_reader_no_memory(reader);
	}
	config->users[config->users_length++] = user;
	return 0;
}

static int read_users(struct web_reader *reader, struct web_item item)
{
	struct web_config *config = reader->config;

	reader->section = NULL;
	if (!item.key)
		return 0;
	if (item.value->type != YAML_MAPPING_NODE)
		return web_reader_fail_kind(reader, item, "a mapping of names to bcrypt hashes");
	reader->section = top_keys[TOP_USERS];

	const yaml_node_pair_t *users = item.value->data.mapping.pairs.start;
	const size_t length = (size_t)(item.value->data.mapping.pairs.top - users);

	if (length > USERS_MAX)
		return web_reader_fail(reader, item.line, NULL, "more than %d users", USERS_MAX);
	if (length == 0)
		return 0;
	config->users = calloc(length, sizeof(*config->users));
	if (!config->users)
		return web_reader_no_memory(reader);
	for (size_t i = 0; i < length; i++) {
		const int result = read_user(reader, web_reader_item(reader, &users[i]));

		if (result < 0)
			return result;
	}
	qsort(config->users, config->users_length, sizeof(*config->users), compare_users);
	return 0;
}

static int read_interval(struct web_reader *reader, struct web_item item)
{
	const char *text = NULL;
	long number;
	int result = web_reader_text(reader, item, &text);

	if (result < 0 || !item.key)
		return result;
	if (text && web_value_parse_duration(text, &reader->config->rate_interval) == 0)
		return 0;
	/* Go reads a number without a unit as nanoseconds, which is never meant. */
	if (text && web_value_parse_integer(text, &number) == 0)
		return web_reader_fail(reader, item.line, item.key,
		    "must have a unit, such as \"s\" or \"ms\", not \"%.80s\"", text);
	return web_reader_fail(reader, item.line, item.key,
	    "must be a duration, such as \"500ms\", \"1m30s\" or 0, not \"%.80s\"",
	    text ? text : "");
}

static int read_rate(struct web_reader *reader, struct web_item item)
{
	struct web_item found[LENGTH(rate_keys)];
	const struct web_section section = {
	    top_keys[TOP_RATE], rate_keys, found, LENGTH(rate_keys)};
	struct web_config *config = reader->config;
	const char *text = NULL;
	long burst = 0;
	int result = web_reader_section(reader, item.value, &section);

	if (result == 0)
		result = read_interval(reader, found[RATE_INTERVAL]);
	if (result == 0)
		result = web_reader_text(reader, found[RATE_BURST], &text);
	if (result < 0)
		return result;
	if (found[RATE_BURST].key &&
	    (!yaml_tree_is_plain(found[RATE_BURST].value) ||
		web_value_parse_integer(text, &burst) < 0 || burst < 0 || burst > BURST_MAX))
		return web_reader_fail(reader, found[RATE_BURST].line, "burst",
		    "must be a whole number from 0 to %ld, not \"%.80s\"", BURST_MAX,
		    found[RATE_BURST].text);
	if (config->rate_interval > 0 && burst == 0)
		return web_reader_fail(reader, item.line, NULL,
		    "burst must be at least 1: otherwise no request is answered");
	config->rate_burst = (unsigned long)burst;
	return 0;
}

static int read_config(struct web_reader *reader)
{
	struct web_item found[LENGTH(top_keys)];
	const struct web_section top = {NULL, top_keys, found, LENGTH(top_keys)};
	int result =
	    web_reader_section(reader, yaml_document_get_root_node(&reader->document), &top);

	if (result == 0)
		result = web_config_read_tls(reader, found[TOP_TLS]);
	if (result == 0)
		result = read_http(reader, found[TOP_HTTP]);
	if (result == 0)
		result = read_users(reader, found[TOP_USERS]);
	reader->section = NULL;
	if (result == 0)
		result = web_reader_list(reader, found[TOP_EXCLUDED], web_value_check_path,
		    &reader->config->excluded_paths);
	if (result == 0)
		result = read_rate(reader, found[TOP_RATE]);
	return result;
}

int web_config_parse(const char *text, size_t length, const char *name, const char *directory,
    struct web_config **ret_config, char error[static WEB_CONFIG_ERROR_SIZE])
{
	struct web_reader reader = {.name = name, .directory = directory, .error = error};
	struct yaml_error yaml_error;

	if (length > WEB_CONFIG_FILE_SIZE) {
		web_reader_fail(&reader, 0, NULL, "is larger than 1 MiB");
		return -EFBIG;
	}

	int result = yaml_tree_parse(text, length, &reader.document, &yaml_error);

	if (result == -ENOMEM)
		return web_reader_no_memory(&reader);
	if (result < 0)
		return web_reader_fail(&reader, yaml_error.line, NULL, "%s", yaml_error.text);
	reader.config = calloc(1, sizeof(*reader.config));
	result = reader.config ? read_config(&reader) : web_reader_no_memory(&reader);
	yaml_tree_release(&reader.document);
	if (result < 0)
		web_config_free(reader.config);
	else
		*ret_config = reader.config;
	return result;
}

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int web_config_read(
    const char *path, struct web_config **ret_config, char error[static WEB_CONFIG_ERROR_SIZE])
{
	struct web_reader reader = {.name = path, .error = error};
	cleanup_free char *directory = directory_of(path);
	char *copied = strdup(path);
	struct web_config *config = NULL;
	struct web_config_file file;
	struct blob text = {0};
	const char *why = NULL;
	int result = directory && copied ? web_config_file_read(path, &text, &file, &why) : -ENOMEM;

	if (result < 0) {
		free(copied);
		if (result == -ENOMEM)
			return web_reader_no_memory(&reader);
		web_reader_fail(&reader, 0, NULL, "%s", why);
		return result;
	}
	result = web_config_parse(text.data, text.length, path, directory, &config, error);
	blob_release(&text);
	if (result < 0) {
		free(copied);
		return result;
	}
	if (web_config_add_file(config, file, copied) < 0) {
		web_config_free(config);
		return web_reader_no_memory(&reader);
	}
	*ret_config = config;
	return 0;
}

bool web_config_has_changed(const struct web_config *config)
{
	for (size_t i = 0; i < config->files_length; i++)
		if (web_config_file_has_changed(&config->files[i]))
			return true;
	return false;
}

static void free_strings(struct strings *strings)
{
	for (size_t i = 0; i < strings->length; i++)
		free(strings->list[i]);
	free(strings->list);
}

void web_config_free(struct web_config *config)
{
	if (!config)
		return;
	blob_release(&config->tls.certificate);
	blob_release(&config->tls.key);
	blob_release(&config->tls.client_ca);
	free_strings(&config->tls.allowed_sans);
	free_strings(&config->tls.cipher_suites);
	free_strings(&config->tls.curve_preferences);
	for (size_t i = 0; i < config->headers_length; i++)
		free(config->headers[i].value);
	for (size_t i = 0; i < config->users_length; i++) {
		free(config->users[i].name);
		secret_free(config->users[i].hash, strlen(config->users[i].hash));
	}
	free(config->users);
	free_strings(&config->excluded_paths);
	for (size_t i = 0; i < config->files_length; i++)
		free(config->files[i].path);
	free(config->files);
	free(config);
}
