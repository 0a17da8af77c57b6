// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/strict.h"

#include "exporter/base/log.h"
#include "exporter/web/head.h"

/*
 * libmicrohttpd (0.9.75) answers a wrong Content-Length, and a Cookie that it has no memory for,
 * by itself, goes on, and so sends the head of that answer twice. It takes the first header of a
 * name for the only one, so we put one of ours first. Without a Transfer-Encoding it then expects
 * no body, which is right: no request with a body gets beyond its head.
 */
static const struct {
	const char *name, *value;
} shields[] = {
    {MHD_HTTP_HEADER_CONTENT_LENGTH, "0"},
    /* Not empty: 0.9.75 then looks at the byte before it. */
    {MHD_HTTP_HEADER_COOKIE, "-"},
};

#define SHIELDS (sizeof(shields) / sizeof(shields[0]))

bool strict_shield(struct MHD_Connection *connection)
{
	for (size_t i = 0; i < SHIELDS; i++)
		if (MHD_set_connection_value(
			connection, MHD_HEADER_KIND, shields[i].name, shields[i].value) != MHD_YES)
			return false;
	return true;
}

static bool is_shield(const char *value)
{
	for (size_t i = 0; i < SHIELDS; i++)
		if (value == shields[i].value)
			return true;
	return false;
}

static enum MHD_Result add_header(void *head, enum MHD_ValueKind kind, const char *name,
    size_t name_length, const char *value, size_t value_length)
{
	(void)kind;
	if (!is_shield(value))
		head_add(head, name, name_length, value, value_length);
	return MHD_YES;
}

bool strict_refuses(struct exchange *exchange, const char *path, const char *method,
    const char *version, struct answer *ret_answer)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const struct head_line line = {.method = method,
	    .path = path,
	    .target = exchange->target,
	    .version = version,
	    .head_length = info ? info->header_size : 0};
	struct head head;

	head_begin(&head, &line);
	MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, add_header, &head);

	const struct head_rule *rule = head_broken_rule(&head);

	if (!rule)
		return false;
	refusals_add(exchange->web->refusals, REFUSAL_MALFORMED);
	log_line(LOG_LEVEL_DEBUG, "Refused a malformed request", "rule", rule->name, NULL);
	*ret_answer = answer_error(route_is_json(path), MHD_HTTP_BAD_REQUEST, "%s", rule->sentence);
	return true;
}
