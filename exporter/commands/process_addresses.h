/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PROCESS_ADDRESSES_H
#define EPHEMERA_PROCESS_ADDRESSES_H

/*
 * Where a running exporter was told to listen, for `ephemera healthcheck --process`: an image's
 * check is written before anybody gives flags to its containers.
 */

#include <stddef.h>

#include "exporter/commands/options.h"

/*
 * Replaces addresses by those that the flags of process pid say, which may be the default. Leaves
 * them where it is no `ephemera` that serves, where its flags name no address, or where it cannot
 * be read: the first process of a container may be another one, such as Kubernetes' pause.
 *
 * The flags are those of procfs/PID/cmdline (proc(5)), which anybody can read.
 */
void process_addresses(const char *procfs, unsigned long pid,
    struct listen_address addresses[static LISTEN_ADDRESSES_MAX], size_t *length);

#endif
