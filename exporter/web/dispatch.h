/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DISPATCH_H
#define EPHEMERA_DISPATCH_H

/* What a request that was let in asks for, and the work that it takes. */

#include "exporter/web/exchange.h"

enum dispatched {
	DISPATCH_ANSWERED, /* there is an answer */
	DISPATCH_WORKS,	   /* it takes work, for which it has a place: dispatch_start() is next */
	DISPATCH_GONE,	   /* the connection is being closed */
};

/* Finds what is asked for. Sets ret_answer, the caller's, only where there is one. */
enum dispatched dispatch(
    struct exchange *exchange, const char *path, const char *method, struct answer *ret_answer);

/*
 * Hands a suspended exchange to the thread that has what it asks for. That thread makes the
 * response, exchange->shared, and resumes the exchange, perhaps before this returns.
 */
void dispatch_start(struct exchange *exchange);

#endif
