/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PROCESS_ADDRESSES_H
#define EPHEMERA_PROCESS_ADDRESSES_H

/*
 * The addresses that the flags of a running exporter name, for `ephemera healthcheck --process`: a
 * container image has its health check before its containers have flags.
 */

#include <stddef.h>

#include "exporter/commands/options.h"

/*
 * Replaces addresses by those of process pid, which may be the default. Leaves them if the process
 * is not an `ephemera` that serves, its flags name no address, or it cannot be read: the first
 * process of a container may be another one, such as Kubernetes' pause.
 *
 * The flags come from procfs/PID/cmdline (proc(5)), which every user can read.
 */
void process_addresses(const char *procfs, unsigned long pid,
    struct listen_address addresses[static LISTEN_ADDRESSES_MAX], size_t *length);

#endif
