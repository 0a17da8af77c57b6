/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_COUNTERS_H
#define EPHEMERA_COUNTERS_H

/*
 * What other parts count or note, and the exporter publishes about itself. It need not know those
 * parts. Any thread may use this.
 */

#include <stdatomic.h>

/* How often a limit was reached. */
enum refusal {
	REFUSAL_CONNECTIONS,		 /* closed: --web.max-connections */
	REFUSAL_CONNECTIONS_PER_ADDRESS, /* closed: --web.max-connections-per-address */
	REFUSAL_HEADER_BYTES,		 /* 414 or 431: --web.max-header-bytes */
	REFUSAL_MALFORMED,		 /* 400: a head that breaks a rule, or a body */
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

static inline void refusals_add(struct refusals *refusals, enum refusal refusal)
{
	atomic_fetch_add(&refusals->counts[refusal], 1);
}

/* Whether --web.config.file could be read. Times are in seconds since 1970. */
struct config_status {
	atomic_bool is_known;		 /* there is such a file, and it was read */
	atomic_bool successful;		 /* of the last read */
	atomic_llong success_seconds;	 /* time of the last successful read */
	atomic_llong certificate_expiry; /* 0: no TLS */
};

#endif
