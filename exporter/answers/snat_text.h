/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SNAT_TEXT_H
#define EPHEMERA_SNAT_TEXT_H

/* The table of the pools of source NAT, and the same as JSON. */

#include "collectors/views/snat_rows.h"
#include "exporter/base/json.h"

/*
 * Prints at most limit rows in lines of width columns, 60 or more, how many more there are, and
 * what a full pool means. reason: why rows are left out, in a few words.
 */
void snat_print(const struct snat_rows *rows, size_t limit, int width, const char *reason);

/* Adds the range, the list "snat_pools", at most limit rows, and the sums of all to object. */
void snat_json_add(struct json *object, const struct snat_rows *rows, size_t limit);

#endif
