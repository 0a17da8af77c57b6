// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/engine.h"

#include "exporter/web/admission.h"
#include "exporter/web/dispatch.h"
#include "exporter/web/strict.h"

/* Runs in the thread that checks passwords. */
static void on_checked(struct auth_request *request, enum auth_verdict verdict)
{
	struct exchange *exchange =
	    (struct exchange *)((char *)request - offsetof(struct exchange, auth));

	exchange->verdict = verdict;
	exchange_resume(exchange);
}

static enum MHD_Result wait_for_password(struct exchange *exchange)
{
	struct web *web = exchange->web;

	exchange->stage = STAGE_PASSWORD;
	exchange->auth.done = on_checked;
	clients_set_phase(web->clients, connection_client(exchange->connection), CLIENT_PASSWORD);
	exchange_suspend(exchange);
	auth_submit(web->parts.auth, &exchange->auth);
	return MHD_YES;
}

/*
 * Advances a complete request as far as possible: it is refused, answered, or waits for a thread
 * that resumes it.
 */
static enum MHD_Result decide(struct exchange *exchange, const char *path, const char *method)
{
	struct answer answer;
	const enum admission admission = admission_decide(exchange, path, &answer);

	if (admission == ADMISSION_WAITS)
		return wait_for_password(exchange);
	exchange->stage = STAGE_WORK;
	if (admission == ADMISSION_REFUSED)
		return exchange_send_answer(exchange, answer);
	switch (dispatch(exchange, path, method, &answer)) {
	case DISPATCH_ANSWERED:
		return exchange_send_answer(exchange, answer);
	case DISPATCH_WORKS:
		exchange_suspend(exchange);
		dispatch_start(exchange);
		return MHD_YES;
	default:
		return MHD_NO;
	}
}

enum MHD_Result exchange_advance(
    struct exchange *exchange, const char *path, const char *method, const char *version)
{
	struct answer answer;

	switch (exchange->stage) {
	case STAGE_HEAD:
		/*
		 * A response in this call ends the connection, which is right if the head is
		 * malformed or a body may follow.
		 */
		if (strict_refuses(exchange, path, method, version, &answer)) {
			exchange->stage = STAGE_WORK;
			return exchange_send_answer(exchange, answer);
		}
		exchange->stage = STAGE_WHOLE;
		return route_reads(method) ? MHD_YES : decide(exchange, path, method);
	case STAGE_WHOLE:
	case STAGE_PASSWORD:
		return decide(exchange, path, method);
	default:
		return exchange_send_shared(exchange);
	}
}
