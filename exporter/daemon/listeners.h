/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LISTENERS_H
#define EPHEMERA_LISTENERS_H

/* The sockets that the service is reached at. What goes wrong is logged. */

#include <stdbool.h>

#include "exporter/daemon/listen.h"
#include "exporter/daemon/serve.h"
#include "exporter/web/server.h"

struct listeners {
	struct listener list[LISTEN_ADDRESSES_MAX];
	size_t length;
};

/*
 * Opens what options ask for, or takes what systemd passed. Before the first thread, and while
 * there are the privileges that it takes. Returns 0 or -errno; listeners, zero before, are to be
 * closed in any case.
 */
int listeners_open(const struct serve_options *options, struct listeners *listeners);

/* Whether one of them has a path that listeners_close() removes. */
bool listeners_have_paths(const struct listeners *listeners);

/* Hands each over to the server. Returns 0 or -errno. */
int listeners_serve(struct listeners *listeners, struct web *web);

/* Warns of ports that an outgoing connection can have taken before the next start. */
void listeners_warn(const struct listeners *listeners, const char *procfs);

/* Closes what the server did not get, and removes the unix sockets' paths. */
void listeners_close(struct listeners *listeners);

#endif
