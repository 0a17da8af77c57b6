/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NEGOTIATE_H
#define EPHEMERA_NEGOTIATE_H

/* What a client's Accept and Accept-Encoding headers ask for (RFC 9110, section 12.5). */

#include <stdbool.h>

#include "exporter/scrape/exposition.h"

/*
 * accept: the header's value, or NULL. Returns the format of the highest quality that we have, the
 * first of equals; text 0.0.4 if none fits or the header cannot be read: a scrape in the oldest
 * format is worth more than an error.
 */
struct exposition_choice negotiate_format(const char *accept);

/* accept_encoding: the header's value or NULL. Whether the client asks for gzip. */
bool negotiate_gzip(const char *accept_encoding);

#endif
