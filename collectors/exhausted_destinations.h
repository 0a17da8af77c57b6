/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTED_DESTINATIONS_H
#define EPHEMERA_EXHAUSTED_DESTINATIONS_H

#include "collectors/kernel/exhaustion_probe.h"

#define DESTINATION_PORT_TEXT 8

/* The values of the labels destination and destination_port. */
void exhausted_destination_labels(const struct tally_key *key,
    char address[static SOCKET_ADDRESS_TEXT], char port[static DESTINATION_PORT_TEXT]);

#endif
