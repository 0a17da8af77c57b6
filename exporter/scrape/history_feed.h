/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_HISTORY_FEED_H
#define EPHEMERA_HISTORY_FEED_H

/* What a gathering found out for the history, which is of the exporter's own namespace. */

#include "collectors/gather.h"
#include "exporter/scrape/history.h"

/*
 * Notes the fullest destinations: of VIEW_DESTINATIONS if it was asked for, else of the collectors
 * `destinations` and `binds`. If neither has looked, nothing is noted. The gatherer's views are
 * behind the registry's collectors. If the collector `snat` was asked for, its fullest pool is
 * noted, too.
 */
void history_feed(struct history *history, const struct gatherer *gatherer,
    const struct gathering *gathering, const struct metric_set *set);

#endif
