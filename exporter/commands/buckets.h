/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BUCKETS_H
#define EPHEMERA_BUCKETS_H

/* Opens the BPF programs that show which ports bind() holds, if command and flags ask for them. */

#include "exporter/commands/options.h"

/*
 * Opens options' source.buckets if a flag asks for it, or, with wherever (a command for people), if
 * it is permitted. Call it before privileges are given up. On failure it stays NULL; that is a
 * warning only if a flag asked for it. The caller closes it with bind_buckets_close().
 */
void buckets_open(struct options *options, bool wherever);

#endif
