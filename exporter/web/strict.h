/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_STRICT_H
#define EPHEMERA_STRICT_H

/* Refuses requests whose heads break the rules of head.h, before anything else is done for them. */

#include "exporter/web/exchange.h"

/*
 * Keeps libmicrohttpd from reading a request's Content-Length and Cookie. Call it once the request
 * line is there, and no header yet. Returns false if memory ran out: hang up then.
 */
bool strict_shield(struct MHD_Connection *connection);

/*
 * Whether a request, whose head has just become complete, breaks a rule. Sets ret_answer, which the
 * caller owns, if so. To send that answer now ends the connection. The texts must be
 * libmicrohttpd's own, since their places count.
 */
bool strict_refuses(struct exchange *exchange, const char *path, const char *method,
    const char *version, struct answer *ret_answer);

#endif
