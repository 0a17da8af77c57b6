/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SEARCH_H
#define EPHEMERA_SEARCH_H

/* /api/v1/search: what somebody who looks for ports may mean by a text. */

#include "exporter/web/endpoints.h"

enum endpoint_found search_parse(const struct site *site, const struct http_request *request,
    const char *rest, struct route *route);
struct answer search_render(
    const struct site *site, const struct route *route, const void *nothing);

#endif
