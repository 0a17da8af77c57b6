/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTED_DESTINATIONS_H
#define EPHEMERA_EXHAUSTED_DESTINATIONS_H

/* The metrics of connect() calls that found no port, by their destination. */

#include "collectors/kernel/exhaustion_probe.h"
#include "collectors/metric.h"
#include "collectors/tables/tally_top.h"

extern const struct metric_family exhausted_destinations;
extern const struct metric_family other_exhausted_destinations;

#define DESTINATION_PORT_TEXT 8

/* The values of the labels destination and destination_port. */
void exhausted_destination_labels(const struct tally_key *key,
    char address[static SOCKET_ADDRESS_TEXT], char port[static DESTINATION_PORT_TEXT]);

/* Adds the destinations of the tally that are shown. untracked: calls that have no place in it. */
void exhausted_destinations_emit(struct tally_top *top, uint64_t untracked, struct metric_set *set);

#endif
