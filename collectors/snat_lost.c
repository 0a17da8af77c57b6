// SPDX-License-Identifier: Apache-2.0
#include "collectors/snat_lost.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

const struct metric_family snat_lost_packets = {
    .name = "ephemera_snat_lost_packets_total",
    .help = "Packets that were dropped because source NAT found no port for them, of the "
	    "destinations with the most, up to --collector.snat.limit. A SYN that is sent again "
	    "and dropped again counts twice. Only if "
	    "ephemera_kernel_feature{feature=\"snat_lost_packets\"} is 1.",
    .type = METRIC_COUNTER,
    .labels = {"protocol", "source", "destination", "destination_port", "zone"},
    .example = "topk(10, increase(ephemera_snat_lost_packets_total[15m])) > 0",
};
const struct metric_family snat_other_lost_packets = {
    .name = "ephemera_other_snat_lost_packets_total",
    .help = "The same of destinations while they were not shown.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_other_snat_lost_packets_total[5m]) > 0",
};
const struct metric_family snat_missed_events = {
    .name = "ephemera_snat_missed_events_total",
    .help = "Dropped packets that the BPF program did not look at because its processor was "
	    "looking at another one. They are those of all network namespaces and of any reason; "
	    "few, if any, were lost for want of a port.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_snat_missed_events_total[5m]) > 0",
};

int snat_lost_init(struct snat_lost *lost, size_t limit)
{
	const struct snat_lost_options options = {.events_bytes = 0};
	const int result = snat_lost_probe_open(&options, &lost->probe, &lost->reason);

	if (result < 0)
		return result == -ENOMEM ? result : 0;
	lost->top =
	    tally_top_new(snat_lost_probe_tally(lost->probe), SNAT_LOST_DESTINATIONS, limit);
	return lost->top ? 0 : -ENOMEM;
}

void snat_lost_release(struct snat_lost *lost)
{
	tally_top_free(lost->top);
	snat_lost_probe_close(lost->probe);
}

void snat_lost_labels(const struct snat_destination *to, struct snat_lost_texts *ret_texts)
{
	const enum socket_family family = to->family ? SOCKET_IPV6 : SOCKET_IPV4;
	struct socket_address address;

	ret_texts->protocol =
	    socket_protocol_name(to->protocol == IPPROTO_UDP ? SOCKET_UDP : SOCKET_TCP);
	memcpy(&address, to->source, sizeof(address));
	socket_address_format(&address, family, 0, ret_texts->source);
	memcpy(&address, to->destination, sizeof(address));
	socket_address_format(&address, family, 0, ret_texts->destination);
	snprintf(ret_texts->port, sizeof(ret_texts->port), "%u", to->port);
	ret_texts->zone[0] = '\0';
	if (to->zone)
		snprintf(ret_texts->zone, sizeof(ret_texts->zone), "%u", to->zone);
}

void snat_lost_emit(struct snat_lost *lost, struct metric_set *set)
{
	const struct tally_shown *shown;
	uint64_t others;
	uint64_t misses;
	size_t length;

	if (!lost->probe)
		return;
	length = tally_top_look(lost->top, &shown, &others);
	for (size_t i = 0; i < length; i++) {
		struct snat_lost_texts texts;

		snat_lost_labels(snat_lost_probe_destination(lost->probe, &shown[i].key), &texts);
		metric_add(set, &snat_lost_packets, (double)shown[i].count,
		    METRIC_LABELS(
			texts.protocol, texts.source, texts.destination, texts.port, texts.zone));
	}
	metric_add(set, &snat_other_lost_packets,
	    (double)(others + snat_lost_probe_untracked(lost->probe)), METRIC_NO_LABELS);
	if (snat_lost_probe_misses(lost->probe, &misses) == 0)
		metric_add(set, &snat_missed_events, (double)misses, METRIC_NO_LABELS);
}
