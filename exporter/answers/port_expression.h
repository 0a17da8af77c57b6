/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_EXPRESSION_H
#define EPHEMERA_PORT_EXPRESSION_H

/* Ports as people write them. */

#include "collectors/kernel/portset.h"

/*
 * Reads "60416" or "8000-8080", from 1 to 65535. Returns NULL, or what is wrong, a static string.
 */
const char *port_expression_parse(const char *text, struct port_range *ret_range);

#endif
