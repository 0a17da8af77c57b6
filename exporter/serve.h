/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SERVE_H
#define EPHEMERA_SERVE_H

/* The service, from its start to the signal that ends it. */

#include "exporter/options.h"
#include "exporter/scrape.h"

/*
 * Listens, and answers until SIGTERM or SIGINT. Logs what goes wrong. Returns 0, or -errno
 * where it could not start.
 */
int serve(const struct options *options, struct scraper *scraper, struct self *self);

#endif
