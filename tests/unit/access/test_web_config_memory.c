// SPDX-License-Identifier: Apache-2.0
/* The web configuration where memory runs out, and what is left in memory. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "unit.h"
#include "web_configs.h"

/* Is in all that must be overwritten before it is freed. */
#define SECRET "dont/leave/me/lying/around"
#define HASH_END "012345678901234567890123456" /* so that there are 53 with SECRET */

/* Memory that runs out, and memory that is freed with a secret in it. */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
char *__wrap_strndup(const char *text, size_t length);
int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *__real_reallocarray(void *pointer, size_t count, size_t size);
void *__wrap_reallocarray(void *pointer, size_t count, size_t size);
void __real_free(void *pointer);
void __wrap_free(void *pointer);
int __real_yaml_parser_parse(yaml_parser_t *parser, yaml_event_t *event);
int __wrap_yaml_parser_parse(yaml_parser_t *parser, yaml_event_t *event);
void __real_yaml_event_delete(yaml_event_t *event);
void __wrap_yaml_event_delete(yaml_event_t *event);
void __real_yaml_parser_delete(yaml_parser_t *parser);
void __wrap_yaml_parser_delete(yaml_parser_t *parser);
void __real_yaml_document_delete(yaml_document_t *document);
void __wrap_yaml_document_delete(yaml_document_t *document);

static unsigned calls;
static unsigned failing; /* the call that fails; 0: none */
static unsigned freed_with_a_secret;
static unsigned looked_at;

static bool fails(void)
{
	return ++calls == failing;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length)
{
	return fails() ? NULL : __real_strndup(text, length);
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
	va_list arguments;
	int length = -1;

	va_start(arguments, format);
	if (!fails())
		length = vasprintf(ret_text, format, arguments);
	va_end(arguments);
	return length;
}

void *__wrap_reallocarray(void *pointer, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(pointer, count, size);
}

static void look_at(const void *memory, size_t size)
{
	looked_at++;
	if (memory && memmem(memory, size, SECRET, strlen(SECRET)))
		freed_with_a_secret++;
}

void __wrap_free(void *pointer)
{
	look_at(pointer, pointer ? malloc_usable_size(pointer) : 0);
	__real_free(pointer);
}

/* A function of libyaml that returns 0 where memory is out. */
#define FAILING(function, parameters, arguments)                  \
	int __real_##function parameters;                         \
	int __wrap_##function parameters;                         \
	int __wrap_##function parameters                          \
	{                                                         \
		return fails() ? 0 : __real_##function arguments; \
	}

FAILING(yaml_parser_initialize, (yaml_parser_t * parser), (parser))
FAILING(yaml_document_initialize,
    (yaml_document_t * document, yaml_version_directive_t *version, yaml_tag_directive_t *tags,
	yaml_tag_directive_t *tags_end, int start, int end),
    (document, version, tags, tags_end, start, end))
FAILING(yaml_document_add_scalar,
    (yaml_document_t * document, const yaml_char_t *tag, const yaml_char_t *value, int length,
	yaml_scalar_style_t style),
    (document, tag, value, length, style))
FAILING(yaml_document_add_sequence,
    (yaml_document_t * document, const yaml_char_t *tag, yaml_sequence_style_t style),
    (document, tag, style))
FAILING(yaml_document_add_mapping,
    (yaml_document_t * document, const yaml_char_t *tag, yaml_mapping_style_t style),
    (document, tag, style))
FAILING(yaml_document_append_sequence_item, (yaml_document_t * document, int sequence, int item),
    (document, sequence, item))
FAILING(yaml_document_append_mapping_pair,
    (yaml_document_t * document, int mapping, int key, int value), (document, mapping, key, value))

int __wrap_yaml_parser_parse(yaml_parser_t *parser, yaml_event_t *event)
{
	if (!fails())
		return __real_yaml_parser_parse(parser, event);
	memset(event, 0, sizeof(*event));
	parser->error = YAML_MEMORY_ERROR;
	return 0;
}

/* What libyaml frees by itself. */
void __wrap_yaml_event_delete(yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		look_at(event->data.scalar.value, event->data.scalar.length);
	__real_yaml_event_delete(event);
}

void __wrap_yaml_parser_delete(yaml_parser_t *parser)
{
	look_at(
	    parser->raw_buffer.start, (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	look_at(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
	for (const yaml_token_t *token = parser->tokens.head; token < parser->tokens.tail; token++)
		if (token->type == YAML_SCALAR_TOKEN)
			look_at(token->data.scalar.value, token->data.scalar.length);
	__real_yaml_parser_delete(parser);
}

void __wrap_yaml_document_delete(yaml_document_t *document)
{
	for (const yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++)
		if (node->type == YAML_SCALAR_NODE)
			look_at(node->data.scalar.value, node->data.scalar.length);
	__real_yaml_document_delete(document);
}

/* Has all there is, and SECRET in all that is to be overwritten. */
static void write_all(const struct workspace *workspace, const char *end)
{
	char text[4096];

	workspace_write(workspace, "conf/k.pem", "a key, " SECRET "\n");
	snprintf(text, sizeof(text),
	    "tls_server_config:\n"
	    "  cert: &cert |\n    " SECRET "\n"
	    "  key_file: k.pem\n"
	    "  client_ca: *cert\n"
	    "  client_auth_type: RequireAndVerifyClientCert\n"
	    "  client_allowed_sans: [a, b]\n"
	    "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"
	    "  curve_preferences: [X25519]\n"
	    "http_server_config: {http2: yes, headers: {X-Frame-Options: deny}}\n"
	    "basic_auth_users:\n"
	    "  alice: $2y$10$" SECRET HASH_END "\n"
	    "  bob: " HASH "\n"
	    "auth_excluded_paths: [/a, /b]\n"
	    "rate_limit: {interval: 1s, burst: 1}\n%s",
	    end);
	workspace_write(workspace, "conf/web.yml", text);
}

static void memory_may_run_out_anywhere(void **state)
{
	struct workspace workspace;
	char line[PATH_MAX + 32];
	int result = -ENOMEM;
	unsigned sweeps = 0;

	(void)state;
	workspace_make(&workspace);
	write_all(&workspace, "");
	snprintf(line, sizeof(line), "%s/conf/web.yml: out of memory", workspace.path);
	freed_with_a_secret = 0;
	for (unsigned call = 1; result != 0; call++) {
		config = NULL;
		memset(error, 'x', sizeof(error));
		calls = 0;
		failing = call;
		result =
		    web_config_read(workspace_path(&workspace, "conf/web.yml"), &config, error);
		failing = 0;
		if (result != 0)
			assert_refused(result, -ENOMEM, line);
		sweeps++;
	}
	assert_int_equal(freed_with_a_secret, 0);
	/* Strings, values, events: it did go through all of it. */
	assert_true(sweeps > 150);
	drop();
	assert_int_equal(freed_with_a_secret, 0);
	workspace_remove(&workspace);
}

/* Whatever is wrong behind the secrets, they are overwritten: at the end, and in the middle. */
static void secrets_are_overwritten(void **state)
{
	static const char *const ends[] = {"", "nonsense: x\n", "rate_limit: x\n", "a: [", "\t",
	    "--- more\n", "a: [\"" SECRET "\" @]\n", "a: \"" SECRET,
	    "a: " SECRET "\n\tb: " SECRET "\n", "a: *none\n", "a: &cert x\nb: &b [*b]\n",
	    "rate_limit: x\n"};

	(void)state;
	for (size_t i = 0; i < LENGTH(ends); i++) {
		struct workspace workspace;

		workspace_make(&workspace);
		write_all(&workspace, ends[i]);
		freed_with_a_secret = 0;
		looked_at = 0;

		const int result = read_config(&workspace);

		assert_result(result, i ? -EINVAL : 0);
		if (result == 0)
			assert_non_null(strstr(config->tls.key.data, SECRET));
		drop();
		assert_true(looked_at > 10);
		if (freed_with_a_secret)
			fail_msg("%u blocks were freed with a secret in them, where the file ends "
				 "in \"%s\"",
			    freed_with_a_secret, ends[i]);
		workspace_remove(&workspace);
	}
}

static void no_error_tells_a_secret(void **state)
{
	static const char *const texts[] = {
	    "basic_auth_users: {a: " SECRET "}",
	    "basic_auth_users: {a: [" SECRET "]}",
	    "basic_auth_users: {a: $2y$10$" SECRET "}",
	    "tls_server_config: {cert: c, key: [" SECRET "]}",
	    "tls_server_config: {cert: c, key: {a: " SECRET "}}",
	    "tls_server_config: {key: " SECRET "}",
	    "tls_server_config: {cert: " SECRET ", key: " SECRET ", key_file: f}",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		assert_result(parse_string(texts[i]), -EINVAL);
		assert_null(strstr(error, "dont/leave"));
	}
}

static void nothing_may_be_freed(void **state)
{
	(void)state;
	web_config_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_may_run_out_anywhere),
	    cmocka_unit_test(secrets_are_overwritten),
	    cmocka_unit_test(no_error_tells_a_secret),
	    cmocka_unit_test(nothing_may_be_freed),
	};

	return cmocka_run_group_tests_name("web_config_memory", tests, NULL, NULL);
}
