/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WITH_SCRAPER_H
#define EPHEMERA_WITH_SCRAPER_H

/* Runs a command with a scraper, set up from the command line. */

#include "exporter/commands/options.h"
#include "exporter/scrape/scraper.h"

/* Returns the exit status. */
typedef int scraper_use(const struct options *options, struct scraper *scraper, struct self *self);

/* Calls use with a scraper. Returns use's exit status; or that of a failure, which is logged. */
int with_scraper(const struct options *options, scraper_use *use);

#endif
