/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BUCKETS_H
#define EPHEMERA_BUCKETS_H

/* Whether BPF tells which ports a bind() holds, by the command and its flags. */

#include "exporter/commands/options.h"

/*
 * Opens options' source.buckets, while there are all privileges: where a flag asks for it or,
 * for a command that people read, wherever that may be. Where it cannot be had it stays NULL, which
 * is a warning only for whoever asked for it by name. The caller closes it with
 * bind_buckets_close().
 */
void buckets_open(struct options *options, bool wherever);

#endif
