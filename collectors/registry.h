/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_REGISTRY_H
#define EPHEMERA_REGISTRY_H

/* The list of collectors: flags, --help and the order of the output come from it. */

#include "collectors/collector.h"

#define COLLECTORS_MAX 24 /* collectors of a walk: those of the registry and the views */
#define COLLECTORS 11	  /* of the registry */

extern const struct collector *const collectors[];
extern const size_t collectors_length;

#define COLLECTOR_DEFAULT_SIZE 160

/* What the flag takes, such as "N"; NULL: it is a switch. */
const char *collector_flag_value(const struct collector_flag *flag);

/* Writes what holds if the flag is not given, in brackets, as for --help. */
void collector_flag_default(
    const struct collector_flag *flag, char text[static COLLECTOR_DEFAULT_SIZE]);

/* The index of the collector of that name, or -1. */
int collector_find(const char *name);

/* The family of that name that the collector, which has families, may emit; or NULL. */
const struct metric_family *collector_family(const struct collector *collector, const char *name);

#endif
