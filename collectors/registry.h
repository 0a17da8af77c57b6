/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_REGISTRY_H
#define EPHEMERA_REGISTRY_H

/* The list of collectors: flags, --help and the order of the output come from it. */

#include "collectors/collector.h"

#define COLLECTORS_MAX 16 /* collectors of a walk: those of the registry and the views */
#define COLLECTORS 10	  /* of the registry */

extern const struct collector *const collectors[];
extern const size_t collectors_length;

/* The index of the collector of that name, or -1. */
int collector_find(const char *name);

/* The family of that name that the collector, which has families, may emit; or NULL. */
const struct metric_family *collector_family(const struct collector *collector, const char *name);

#endif
