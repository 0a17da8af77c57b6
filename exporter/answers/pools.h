/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_POOLS_H
#define EPHEMERA_POOLS_H

/* The pools of bind(0) and of UDP, below the table of destinations. */

#include "collectors/kernel/settings.h"
#include "collectors/views/pool_rows.h"
#include "exporter/base/json.h"

/* Prints the pools of UDP with its owners, then those of TCP; nothing if no port is taken. */
void pools_print(const struct pool_rows *rows, const struct settings *settings);

/* Adds the lists "pools" and "udp_owners" to object. */
void pools_json_add(
    struct json *object, const struct pool_rows *rows, const struct settings *settings);

#endif
