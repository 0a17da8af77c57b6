/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_COLLECTOR_LOG_H
#define EPHEMERA_COLLECTOR_LOG_H

/* What the log says of the collector at i that lacks something. reason: in words. */

#include <stddef.h>

/* It fails with error, -errno. */
void collector_log_failure(size_t i, int error, const char *reason);

/* It works, and leaves a part of its metrics out. */
void collector_log_missing(size_t i, const char *reason);

#endif
