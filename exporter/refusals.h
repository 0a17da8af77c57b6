/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_REFUSALS_H
#define EPHEMERA_REFUSALS_H

/* How often a limit was reached. Any thread may count. */

#include <stdatomic.h>

enum refusal {
	REFUSAL_CONNECTIONS,		 /* closed: --web.max-connections */
	REFUSAL_CONNECTIONS_PER_ADDRESS, /* closed: --web.max-connections-per-address */
	REFUSAL_HEADER_BYTES,		 /* 414 or 431: --web.max-header-bytes */
	REFUSAL_REQUEST_TIMEOUT,	 /* closed: --web.request-timeout */
	REFUSAL_RESPONSE_TIMEOUT,	 /* closed: --web.response-timeout */
	REFUSAL_REQUESTS,		 /* 503: --web.max-requests */
	REFUSAL_REQUESTS_PER_ADDRESS,	 /* 503: --web.max-requests-per-address */
	REFUSAL_PASSWORD_CHECKS,	 /* 503: too many passwords to check */
	REFUSAL_RATE_LIMIT,		 /* 429: rate_limit of --web.config.file */
	REFUSAL_WALKS,			 /* waited: --web.max-walks-per-second */
	REFUSALS
};

struct refusals {
	atomic_ulong counts[REFUSALS];
};

static inline void refusals_count(struct refusals *refusals, enum refusal refusal)
{
	atomic_fetch_add(&refusals->counts[refusal], 1);
}

#endif
