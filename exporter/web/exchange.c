// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/exchange.h"

#include <stdlib.h>

static const struct link *link_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

struct client *connection_client(struct MHD_Connection *connection)
{
	const struct link *link = link_of(connection);

	return link ? link->client : NULL;
}

bool connection_is_certified(struct MHD_Connection *connection)
{
	const struct link *link = link_of(connection);
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info && info->tls_session && link && link->rules && link->rules->tls &&
	       tls_knows_client(link->rules->tls, info->tls_session);
}

const struct web_config *exchange_config(const struct exchange *exchange)
{
	return exchange->rules ? exchange->rules->config : NULL;
}

enum MHD_Result exchange_send_response(
    struct exchange *exchange, unsigned status, struct MHD_Response *response)
{
	struct web *web = exchange->web;

	if (!response)
		return MHD_NO;
	self_add_response(web->parts.self, status);
	clients_set_phase(web->clients, connection_client(exchange->connection), CLIENT_RESPONSE);
	return MHD_queue_response(exchange->connection, status, response);
}

enum MHD_Result exchange_send_answer(struct exchange *exchange, struct answer answer)
{
	struct MHD_Response *response = response_make(&answer, exchange_config(exchange));
	const enum MHD_Result result = exchange_send_response(exchange, answer.status, response);

	if (response)
		MHD_destroy_response(response);
	return result;
}

enum MHD_Result exchange_send_shared(struct exchange *exchange)
{
	if (!exchange->shared)
		return MHD_NO;

	const enum MHD_Result result =
	    exchange_send_response(exchange, exchange->status, response_of(exchange->shared));

	response_release(exchange->shared);
	exchange->shared = NULL;
	return result;
}

void exchange_suspend(struct exchange *exchange)
{
	exchange->waits = true;
	MHD_suspend_connection(exchange->connection);
}

void exchange_resume(struct exchange *exchange)
{
	exchange->waits = false;
	MHD_resume_connection(exchange->connection);
}

void exchange_free(struct exchange *exchange)
{
	response_release(exchange->shared);
	rules_release(exchange->rules);
	free(exchange->target);
	free(exchange);
}
