/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_AGE_H
#define EPHEMERA_PORT_AGE_H

/* Since when a socket on a port has been what it is. */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/views/port_lookup.h"

#define PORT_AGE_WORDS_SIZE 32

/*
 * How long a TIME_WAIT has been that; or how old a connection is (struct socket). Returns whether
 * it is known.
 */
bool port_age_of(const struct port_socket *found, uint64_t *ret_ms);

/* Whether that is its age. If not, it may be older. */
bool port_age_is_exact(const struct port_socket *found);

/* "9 s", "12 min", "3 h" or "5 days", rounded down. */
void port_age_words(uint64_t ms, char text[static PORT_AGE_WORDS_SIZE]);

/* Sorts the kept sockets: the oldest first, those of unknown age last, and else as they were. */
void port_age_sort(struct port_side *side);

#endif
