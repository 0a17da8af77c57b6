/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_API_PARAMETERS_H
#define EPHEMERA_API_PARAMETERS_H

/* The parameters of the API: limit, owners, namespace, to and owner. */

#include <stdbool.h>

#include "exporter/web/routes.h"

/*
 * Reads the request's parameters into the route: what they are, or what they are without
 * them. Parameters with other names are ignored. Returns false if something is wrong; the
 * route's answer, which the route owns, then names the first parameter that is.
 */
bool api_parameters_read(
    const struct site *site, const struct http_request *request, struct route *route);

#endif
