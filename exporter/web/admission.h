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

/* Whether a request for path needs a password; config may be NULL. */
bool admission_asks_password(const struct web_config *config, const char *path);

/*
 * Decides on a request whose head is complete. Sets ret_answer, which the caller owns, only if the
 * request is refused.
 */
enum admission admission_decide(
    struct exchange *exchange, const char *path, struct answer *ret_answer);

#endif
