/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAMESPACES_TEXT_H
#define EPHEMERA_NAMESPACES_TEXT_H

/* The table of network namespaces, and the same as JSON. */

#include "collectors/views/namespace_rows.h"
#include "exporter/base/json.h"

#define NAMESPACE_TITLE 512

/* What people call it, printable: NAMESPACE/POD, or its name, or its number. */
void namespace_title(const struct namespace_row *row, char text[static NAMESPACE_TITLE]);

/*
 * Why no port is usable there: by the range, the reserved ports and those that bind() holds. Empty
 * if some are.
 */
void namespace_explain(const struct namespace_row *row, char text[static NAMESPACE_TITLE]);

/*
 * Prints at most limit rows in lines of width columns, and how many more there are. reason: why
 * these are left out, in a few words.
 */
void namespaces_print(
    const struct namespace_rows *rows, size_t limit, int width, const char *reason);

/* "to ADDRESS:PORT from ADDRESS": of any namespace, whose interfaces have no names here. */
void namespace_destination_format(
    const struct destination *destination, char text[static NAMESPACE_TITLE]);

/* Prints its title, what else is known of it, and a colon. */
void namespace_print_heading(const struct namespace_row *row);

/* Adds what names it: netns, inode, namespace, pod, pod_uid, container, is_host, is_own. */
void namespace_json_add_names(struct json *object, const struct namespace_row *row);

/* Adds its range, and how many ports of that are reserved, held by bind() and usable. */
void namespace_json_add_ports(struct json *object, const struct namespace_row *row);

/* Adds the list "namespaces", at most limit rows, and how many there are in all. */
void namespaces_json_add(struct json *object, const struct namespace_rows *rows, size_t limit);

#endif
