/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DISPATCH_H
#define EPHEMERA_DISPATCH_H

/* Finds what an admitted request asks for, and starts the work for it. */

#include "exporter/web/exchange.h"

enum dispatched {
	DISPATCH_ANSWERED, /* ret_answer is set */
	DISPATCH_WORKS,	   /* it needs work, and counts as working: call dispatch_start() next */
	DISPATCH_GONE,	   /* the connection is being closed */
};

/* Finds what is asked for. Sets ret_answer, which the caller owns, only with DISPATCH_ANSWERED. */
enum dispatched dispatch(
    struct exchange *exchange, const char *path, const char *method, struct answer *ret_answer);

/*
 * Passes a suspended exchange to the scraper or the lookup. Its thread makes the response,
 * exchange->shared, and resumes the exchange, perhaps before this returns.
 */
void dispatch_start(struct exchange *exchange);

#endif
