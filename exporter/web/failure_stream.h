/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FAILURE_STREAM_H
#define EPHEMERA_FAILURE_STREAM_H

/*
 * The endpoint of failures as they happen, server-sent events. A request waits for the first ones,
 * gets them as its whole answer, and the client asks again with the last one's id. So no answer is
 * ever half sent, and nothing has to be held back for a slow reader.
 */

#include "exporter/web/endpoints.h"

/* See struct endpoint. */
enum endpoint_found failure_stream_parse(const struct site *site,
    const struct http_request *request, const char *rest, struct route *route);
struct answer failure_stream_render(
    const struct site *site, const struct route *route, const void *news);

#endif
