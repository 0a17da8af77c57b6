/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ASKED_NAMESPACE_H
#define EPHEMERA_ASKED_NAMESPACE_H

/* The API's parameter namespace=: which network namespace a request asks for. */

#include "collectors/views/namespace_rows.h"
#include "collectors/views/views.h"
#include "exporter/scrape/scraper.h"
#include "exporter/web/routes.h"

/*
 * Reads the parameter's value, which may be NULL, into the route. Returns NULL, or what is wrong
 * with it, a static text.
 */
const char *asked_namespace_parse(const struct site *site, const char *value, struct route *route);

/*
 * The namespace of the route, which asks for one. NULL: there is none, and ret_answer says so; the
 * caller owns that.
 */
const struct netns *asked_namespace_find(
    const struct route *route, const struct scrape_result *result, struct answer *ret_answer);

/* The answer where the namespaces are not known: their walk was given up. */
struct answer asked_namespace_unknown(void);

#endif
