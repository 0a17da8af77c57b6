// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/admission.h"

#include <errno.h>
#include <string.h>

#include "exporter/web/credentials.h"

static bool is_excluded(const struct web_config *config, const char *path)
{
	for (size_t i = 0; i < config->excluded_paths.length; i++)
		if (strcmp(config->excluded_paths.list[i], path) == 0)
			return true;
	return false;
}

bool admission_asks_password(const struct web_config *config, const char *path)
{
	return config && config->users_length && !is_excluded(config, path);
}

/* Checks the password for path, if it needs one. */
static enum auth_verdict authenticate(struct exchange *exchange, const char *path)
{
	const struct web_config *config = exchange_config(exchange);
	const struct client *client = connection_client(exchange->connection);
	struct basic_auth given;
	enum auth_verdict verdict = AUTH_DENIED;

	if (!admission_asks_password(config, path))
		return AUTH_GRANTED;
	switch (credentials_read(exchange->connection, &given)) {
	case 0:
		break;
	case -E2BIG:
		return AUTH_UNCLEAR;
	case -ENOMEM:
		return AUTH_BUSY;
	default:
		return AUTH_DENIED;
	}
	if (client)
		verdict = auth_check(exchange->web->parts.auth, config, given.name, given.password,
		    client_peer(client), &exchange->auth);
	basic_auth_release(&given);
	return verdict;
}

static struct answer refuse(struct web *web, enum auth_verdict verdict, bool json)
{
	struct answer answer;

	if (verdict == AUTH_BUSY) {
		refusals_add(web->refusals, REFUSAL_PASSWORD_CHECKS);
		return answer_unavailable(json, "too many passwords are being checked");
	}
	if (verdict == AUTH_UNCLEAR)
		return answer_error(
		    json, MHD_HTTP_BAD_REQUEST, "more than one Authorization header");
	answer =
	    answer_error(json, MHD_HTTP_UNAUTHORIZED, "a user name and a password are required");
	answer.authenticate = true;
	return answer;
}

/* Whether rate_limit allows the request. Without a client the connection is being closed. */
static bool is_within_rate(const struct exchange *exchange)
{
	struct config_watch *rules = exchange->web->parts.rules;
	const struct client *client = connection_client(exchange->connection);

	return !rules || (client && config_watch_let_through(rules, client_peer(client)));
}

/* Refuses requests that exceed a limit, whatever they ask for. Returns whether it did. */
static bool exceeds_limits(struct exchange *exchange, bool json, struct answer *ret_answer)
{
	struct web *web = exchange->web;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	if (info && info->header_size > web->options.max_header_bytes) {
		refusals_add(web->refusals, REFUSAL_HEADER_BYTES);
		*ret_answer = answer_error(json, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
		    "the request line and headers must have at most %u bytes "
		    "(--web.max-header-bytes)",
		    web->options.max_header_bytes);
		return true;
	}
	if (!is_within_rate(exchange)) {
		refusals_add(web->refusals, REFUSAL_RATE_LIMIT);
		*ret_answer = answer_error(
		    json, MHD_HTTP_TOO_MANY_REQUESTS, "too many requests (rate_limit)");
		ret_answer->retry = true;
		return true;
	}
	return false;
}

enum admission admission_decide(
    struct exchange *exchange, const char *path, struct answer *ret_answer)
{
	const bool json = route_is_json(path);

	/* A request whose password has been checked comes here again. */
	if (exchange->stage != STAGE_PASSWORD) {
		if (exceeds_limits(exchange, json, ret_answer))
			return ADMISSION_REFUSED;
		exchange->verdict = authenticate(exchange, path);
	}
	switch (exchange->verdict) {
	case AUTH_GRANTED:
		return ADMISSION_GRANTED;
	case AUTH_WAITS:
		return ADMISSION_WAITS;
	default:
		*ret_answer = refuse(exchange->web, exchange->verdict, json);
		return ADMISSION_REFUSED;
	}
}
