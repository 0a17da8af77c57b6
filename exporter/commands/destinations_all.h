/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATIONS_ALL_H
#define EPHEMERA_DESTINATIONS_ALL_H

/* `ephemera destinations --namespace=all`: the fullest of all network namespaces. */

#include "exporter/commands/options.h"

/* Returns 0; or -errno, and in ret_reason why, or NULL. */
int destinations_all(struct options *options, const char **ret_reason);

#endif
