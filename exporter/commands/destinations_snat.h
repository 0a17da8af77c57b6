/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATIONS_SNAT_H
#define EPHEMERA_DESTINATIONS_SNAT_H

/* `ephemera destinations --snat`: the fullest pools of source NAT. */

#include "exporter/commands/options.h"

/* Whether the command line has nothing that does not go with --snat, or needs it: a command's
 * check. */
int destinations_snat_check(const struct options *options, char error[static OPTIONS_ERROR_SIZE]);

/*
 * Reads the fullest pool alone, of the network namespace that this process is in. Returns 0, or
 * -errno: nothing tracks connections, or they may not be read. The caller frees it with
 * snat_rows_free().
 */
struct snat_rows;
int destinations_snat_fullest(const struct options *options, struct snat_rows **ret_rows);

/*
 * Prints the pools of the network namespace that this process is in. Returns 0; or -errno, and in
 * ret_reason why, static, or NULL.
 */
int destinations_snat(struct options *options, const char **ret_reason);

#endif
