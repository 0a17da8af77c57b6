/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LISTENERS_H
#define EPHEMERA_LISTENERS_H

/* The listening sockets of the service. Errors are logged. */

#include <stdbool.h>

#include "exporter/base/text.h"
#include "exporter/daemon/listen.h"
#include "exporter/daemon/serve.h"
#include "exporter/web/server.h"

struct listeners {
	struct listener list[LISTEN_ADDRESSES_MAX];
	size_t length;
};

/*
 * Opens the sockets of options, or takes those that systemd passed. Call it before the first thread
 * and before privileges are given up. listeners must be zero; the caller closes them in any case.
 * Returns 0 or -errno.
 */
int listeners_open(const struct serve_options *options, struct listeners *listeners);

/* Whether one of them has a path that listeners_close() removes. */
bool listeners_have_paths(const struct listeners *listeners);

/*
 * Adds where they listen, in words, printable, and a '\0': "every address, port 10059 and
 * unix:/run/ephemera/socket".
 */
void listeners_describe(const struct listeners *listeners, struct text *text);

/* Passes each to the server, which then owns it. Returns 0 or -errno. */
int listeners_serve(struct listeners *listeners, struct web *web);

/* Warns of ports that an outgoing connection can take before the next start. */
void listeners_warn(const struct listeners *listeners, const char *procfs);

/* Closes the sockets that the server does not own, and removes the unix sockets' paths. */
void listeners_close(struct listeners *listeners);

#endif
