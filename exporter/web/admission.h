/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADMISSION_H
#define EPHEMERA_ADMISSION_H

/* Which requests are let in: as their size, the rate of all and a password allow. */

#include "exporter/web/exchange.h"

enum admission {
	ADMISSION_GRANTED,
	ADMISSION_REFUSED, /* there is an answer that says why */
	ADMISSION_WAITS,   /* for its password to be checked, which exchange->auth is to be
			      submitted for; then it is to be decided once more */
};

/*
 * Decides on a request that is here as a whole, or as much of it as we want. Sets ret_answer, the
 * caller's, only where it is refused.
 */
enum admission admission_decide(
    struct exchange *exchange, const char *path, struct answer *ret_answer);

#endif
