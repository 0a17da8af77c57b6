/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADMISSION_H
#define EPHEMERA_ADMISSION_H

/* Decides which requests are answered, by their size, the rate limit and the password. */

#include "exporter/web/exchange.h"

enum admission {
	ADMISSION_GRANTED,
	ADMISSION_REFUSED, /* ret_answer says why */
	ADMISSION_WAITS,   /* its password must be checked: submit exchange->auth, then decide
			      again */
};

/*
 * Decides on a request whose head is complete. Sets ret_answer, which the caller owns, only if the
 * request is refused.
 */
enum admission admission_decide(
    struct exchange *exchange, const char *path, struct answer *ret_answer);

#endif
