/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_CHANGES_H
#define EPHEMERA_PORT_CHANGES_H

/* What changed on ports from one look to the next. Changes that are alike are printed together. */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/views/port_lookup.h"

struct port_change {
	const struct port_socket *found;
	enum socket_state was; /* 0: it had none, or is gone */
};

/* Zero-initialised, there are none. The lookups must outlive it. */
struct port_changes {
	const struct port_lookup *before;
	const struct port_lookup *after;
	bool any;
	size_t gone_length;
	struct port_change *gone; /* sockets of before */
	size_t length;
	struct port_change *list; /* sockets of after that are new, or have another state */
	size_t counted_length;
	struct port_counted *counted;
};

/* Of a side with more sockets than are kept, only their number is known. */
struct port_counted {
	unsigned long before;
	unsigned long after;
};

/* Adds what is different on one side of a port. Returns 0 or -ENOMEM. */
int port_changes_add(
    struct port_changes *changes, const struct port_side *before, const struct port_side *after);

/* Prints the time of now and the sign, and returns the column behind them. */
int port_changes_print_start(char sign);

/* Prints them with the time of now, in at most limit groups, and says how many it left out. */
void port_changes_print(const struct port_changes *changes, size_t limit);

void port_changes_release(struct port_changes *changes);

#endif
