/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ASKED_MARK_H
#define EPHEMERA_ASKED_MARK_H

/* The API's parameters to= and owner=: whose ports a request asks for. */

#include "collectors/kernel/portset.h"
#include "exporter/scrape/scraper.h"
#include "exporter/web/routes.h"

/*
 * Each reads the parameter's value into the route. Returns NULL, or what is wrong with it, a static
 * text. to: "10.0.0.1:443", "[::1]:443" or "[fe80::1%eth0]:443".
 */
const char *asked_mark_parse_to(const struct site *site, const char *value, struct route *route);
const char *asked_mark_parse_owner(const struct site *site, const char *value, struct route *route);

/*
 * The ports of whom the route asks for, in the state of VIEW_PORT_MARKS. NULL: requests at the same
 * time ask for too many, and ret_answer, which the caller owns, says so.
 */
const struct portset *asked_mark_find(const struct route *route, const struct scrape_result *result,
    const void *state, struct answer *ret_answer);

#endif
