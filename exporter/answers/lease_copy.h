/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LEASE_COPY_H
#define EPHEMERA_LEASE_COPY_H

#include "exporter/answers/lease.h"

/* A copy that has its strings with it: one free() frees all. NULL: no memory. */
struct lease *lease_copy(const struct lease *lease);

#endif
