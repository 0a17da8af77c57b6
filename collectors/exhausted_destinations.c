// SPDX-License-Identifier: Apache-2.0
#include "collectors/exhausted_destinations.h"

#include <stdio.h>

void exhausted_destination_labels(const struct tally_key *key,
    char address[static SOCKET_ADDRESS_TEXT], char port[static DESTINATION_PORT_TEXT])
{
	struct exhausted_destination destination;

	exhausted_destination_of(key, &destination);
	socket_address_format(
	    &destination.address, destination.family, destination.interface, address);
	snprintf(port, DESTINATION_PORT_TEXT, "%u", destination.port);
}
