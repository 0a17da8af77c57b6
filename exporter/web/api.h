/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_API_H
#define EPHEMERA_API_H

/*
 * The answers of /api/v1, described in docs/openapi.yaml. Each function returns text that the
 * caller frees, or NULL if memory ran out. where: the network namespace that was asked for; NULL:
 * none was.
 */

#include "collectors/kernel/holders.h"
#include "collectors/views/destination_rows.h"
#include "collectors/views/namespace_rows.h"
#include "collectors/views/port_lookup.h"
#include "collectors/views/port_map.h"
#include "collectors/views/summary.h"
#include "exporter/scrape/history.h"

/* marked: ports that were asked for; NULL: none were. */
char *api_ports(
    const struct port_map *map, const struct portset *marked, const struct namespace_row *where);
char *api_port(const struct port_lookup *lookup, uint16_t port, size_t limit,
    const struct namespace_row *where);
/* owners: the request asked for them and they were found. */
char *api_destinations(const struct destination_rows *rows, size_t limit, bool owners,
    const struct namespace_row *where);
char *api_range(const struct facts *facts, const struct namespace_row *where);
/* calls: NULL if nobody counts the calls that fail. snat: NULL if no scrape looked at source NAT.
 */
char *api_summary(const struct summary *summary, const struct history_calls *calls,
    const struct history_snat *snat, const struct namespace_row *where);
char *api_namespaces(const struct namespace_rows *rows, size_t limit);

#endif
