/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_EXPRESSION_H
#define EPHEMERA_PORT_EXPRESSION_H

/* Ports as people write them. */

#include "collectors/kernel/portset.h"
#include "collectors/views/port_asked.h"

/*
 * Reads "60416" or "8000-8080", from 1 to 65535. Returns NULL, or what is wrong, a static string.
 */
const char *port_expression_parse(const char *text, struct port_range *ret_range);

/*
 * Adds to asked what one argument asks for. It is a list with commas of "60416", "8000-8080" or
 * "http" (/etc/services), each with ":", "10.0.0.1:" or "[::1]:" before it, and "tcp/" or "udp/"
 * before that, if one likes. Returns NULL; or what is wrong, a static string, and asked may have a
 * part of the list.
 */
const char *port_expression_add(struct port_asked *asked, const char *text);

#endif
