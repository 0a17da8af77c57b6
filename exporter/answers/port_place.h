/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_PLACE_H
#define EPHEMERA_PORT_PLACE_H

#include "collectors/views/port_lookup.h"
#include "exporter/base/text.h"

/*
 * Names the place in the sentences of port_words.h. What they say of "this host" is true of each
 * network namespace: if the lookup is of another one, they say "this network namespace" instead.
 */
void port_place_name(const struct port_lookup *lookup, struct text *text);

#endif
