/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATIONS_JSON_H
#define EPHEMERA_DESTINATIONS_JSON_H

/* The fullest destinations as JSON, and what the table for people shares with it. */

#include "collectors/views/destination_rows.h"
#include "exporter/answers/resolver.h"
#include "exporter/base/json.h"

/* The share of its capacity that a destination has used; 1 if no port is usable. */
double destination_share(const struct destination *destination, unsigned capacity);

struct destinations_json {
	size_t limit;		      /* maximum rows */
	bool owners;		      /* with owners */
	const struct resolver *names; /* of the rows' peers; NULL: without names */
	bool elsewhere; /* of another network namespace, whose interfaces have no names here */
};

/* Adds the rows, and what holds for all of them, to object, which has none of these members. */
void destinations_json_add(
    struct json *object, const struct destination_rows *rows, const struct destinations_json *how);

/* Adds one row of another network namespace, with its owner. Its interfaces have no names here. */
void destination_json_add_all(
    struct json *object, const struct destination_row *row, unsigned capacity);

#endif
