// SPDX-License-Identifier: Apache-2.0
#include "collectors/exhausted_destinations.h"

#include <stdio.h>

const struct metric_family exhausted_destinations = {
    .name = "ephemera_destination_port_exhaustion_errors_total",
    .help = "Of these, those to the destinations with the most, up to "
	    "--collector.exhaustion.destinations-limit; of another network namespace, up to 3.",
    .type = METRIC_COUNTER,
    .labels = {"destination", "destination_port"},
    .example = "topk(10, rate(ephemera_destination_port_exhaustion_errors_total[5m]))",
};
const struct metric_family other_exhausted_destinations = {
    .name = "ephemera_other_destination_port_exhaustion_errors_total",
    .help = "Of these, those to destinations while they were not shown.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_other_destination_port_exhaustion_errors_total[5m]) > 0",
};

void exhausted_destination_labels(const struct tally_key *key,
    char address[static SOCKET_ADDRESS_TEXT], char port[static DESTINATION_PORT_TEXT])
{
	struct exhausted_destination destination;

	exhausted_destination_of(key, &destination);
	socket_address_format(
	    &destination.address, destination.family, destination.interface, address);
	snprintf(port, DESTINATION_PORT_TEXT, "%u", destination.port);
}

void exhausted_destinations_emit(struct tally_top *top, uint64_t untracked, struct metric_set *set)
{
	const struct tally_shown *shown;
	uint64_t others;
	const size_t length = tally_top_look(top, &shown, &others);
	char text[SOCKET_ADDRESS_TEXT];
	char port[DESTINATION_PORT_TEXT];

	for (size_t i = 0; i < length; i++) {
		exhausted_destination_labels(&shown[i].key, text, port);
		metric_add(set, &exhausted_destinations, (double)shown[i].count,
		    METRIC_LABELS(text, port));
	}
	metric_add(
	    set, &other_exhausted_destinations, (double)(others + untracked), METRIC_NO_LABELS);
}
