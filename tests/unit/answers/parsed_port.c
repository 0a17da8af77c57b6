// SPDX-License-Identifier: Apache-2.0
#include "parsed_port.h"

#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "exporter/answers/port_json.h"
#include "exporter/base/utf8.h"
#include "unit.h"

static cJSON *parsed;

int tear_down(void **state)
{
	(void)state;
	cJSON_Delete(parsed);
	parsed = NULL;
	return 0;
}

char *print(const struct port_answer *answer, size_t limit)
{
	struct json *object = json_new_object();
	char *text;

	port_json_add(object, &lookup, answer, limit);
	text = json_print(object);
	json_free(object);
	assert_non_null(text);
	return text;
}

const cJSON *parse(const struct port_answer *answer, size_t limit)
{
	const char *end = NULL;
	char *text = print(answer, limit);

	cJSON_Delete(parsed);
	parsed = cJSON_ParseWithOpts(text, &end, 1);
	assert_non_null(parsed);
	/* On one line, of valid UTF-8, with no control character left. */
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
	for (const char *at = text; *at; at += utf8_length(at))
		assert_true(utf8_length(at) > 0);
	free(text);
	return parsed;
}

const cJSON *member(const cJSON *object, const char *key)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!found)
		fail_msg("%s is missing", key);
	return found;
}

void assert_member(const cJSON *object, const char *key, const char *wanted)
{
	const cJSON *found = member(object, key);

	if (!cJSON_IsString(found) || strcmp(found->valuestring, wanted) != 0)
		fail_msg("%s is \"%s\", not \"%s\"", key, found->valuestring, wanted);
}

void assert_no_member(const cJSON *object, const char *key)
{
	if (cJSON_GetObjectItemCaseSensitive(object, key))
		fail_msg("%s is there", key);
}

/* The first socket of the local side. */
static const cJSON *first_socket(const cJSON *answer)
{
	return cJSON_GetArrayItem(member(member(answer, "local"), "sockets"), 0);
}

const cJSON *parse_socket(struct port_socket *found)
{
	const struct port_answer answer = {
	    .port = found->socket.local_port,
	    .state = PORT_STATE_OUTBOUND,
	    .local = {.total = 1, .length = 1, .list = found},
	};

	return first_socket(parse(&answer, 20));
}

struct port_socket connection(void)
{
	struct port_socket found = {.role = PORT_ROLE_OUTBOUND};

	found.socket = make_socket(SOCKET_ESTABLISHED, "192.0.2.1", 50001, "198.51.100.7", 443);
	found.socket.inode = 4711;
	found.socket.uid = 1000;
	return found;
}
