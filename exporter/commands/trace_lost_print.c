// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_lost_print.h"

#include <stdio.h>
#include <string.h>

#include "collectors/snat_lost.h"
#include "exporter/answers/namespaces_text.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/trace_print.h"

static enum socket_family family_of(const struct snat_destination *to)
{
	return to->family ? SOCKET_IPV6 : SOCKET_IPV4;
}

static void format_client(
    const struct snat_lost_event *event, char text[static SOCKET_ADDRESS_TEXT])
{
	struct socket_address address;

	memcpy(&address, event->client, sizeof(address));
	socket_address_format(&address, family_of(&event->to), 0, text);
}

/* Addresses have no interface here, so that all of them can be printed. */
static void print_what(const struct traced_lost *traced, const char *client)
{
	const struct snat_destination *to = &traced->event->to;
	struct snat_lost_texts texts;
	char endpoint[SOCKET_ENDPOINT_TEXT];

	snat_lost_labels(to, &texts);
	socket_endpoint_format(texts.destination, family_of(to), to->port, endpoint);
	printf("lost %s %s from %s  no port left for SNAT on %s%s%s\n", texts.protocol, endpoint,
	    client, texts.source, texts.zone[0] ? " in zone " : "", texts.zone);
}

int trace_lost_print_text(const struct traced_lost *traced)
{
	const struct snat_lost_event *event = traced->event;
	char address[SOCKET_ADDRESS_TEXT];
	char endpoint[SOCKET_ENDPOINT_TEXT];

	trace_print_when(&traced->time, traced->namespace);
	format_client(event, address);
	socket_endpoint_format(address, family_of(&event->to), event->client_port, endpoint);
	print_what(traced, endpoint);
	return terminal_flush();
}

int trace_lost_print_fold(
    const struct traced_lost *traced, const struct trace_fold *fold, double seconds)
{
	char address[SOCKET_ADDRESS_TEXT];

	trace_print_when(&traced->time, traced->namespace);
	trace_print_count(fold->count, seconds);
	format_client(traced->event, address);
	print_what(traced, address);
	return terminal_flush();
}

static void add_destination(struct json *object, const struct snat_destination *to)
{
	struct snat_lost_texts texts;

	snat_lost_labels(to, &texts);
	json_add_string(object, "protocol", texts.protocol);
	json_add_string(object, "family", socket_family_name(family_of(to)));
	json_add_string(object, "source", texts.source);
	json_add_string(object, "destination", texts.destination);
	json_add_number(object, "destination_port", to->port);
	if (to->zone)
		json_add_number(object, "zone", to->zone);
}

int trace_lost_print_json(const struct traced_lost *traced)
{
	const struct snat_lost_event *event = traced->event;
	struct json *object = json_new_object();
	char address[SOCKET_ADDRESS_TEXT];

	trace_add_time(object, "time", &traced->time);
	if (traced->namespace)
		namespace_json_add_names(object, traced->namespace);
	json_add_string(object, "call", "snat");
	add_destination(object, &event->to);
	format_client(event, address);
	json_add_string(object, "client", address);
	json_add_number(object, "client_port", event->client_port);
	return trace_put_json(object);
}

void trace_lost_print_sum(const struct trace_lost_sum *sum)
{
	if (!sum->packets)
		return;
	printf("%lu packet%s lost: no port was left for SNAT.\n", sum->packets,
	    sum->packets == 1 ? " was" : "s were");
	if (sum->unshown)
		printf("%lu of them came too fast and are not shown above.\n", sum->unshown);
}

void trace_lost_print_list(const struct trace_lost_sum *sum)
{
	if (!sum->packets)
		return;
	puts("\nLOST PACKETS  DESTINATION");
	for (size_t i = 0; i < sum->length; i++) {
		const struct snat_destination *to = sum->list[i].to;
		struct snat_lost_texts texts;
		char endpoint[SOCKET_ENDPOINT_TEXT];

		snat_lost_labels(to, &texts);
		socket_endpoint_format(texts.destination, family_of(to), to->port, endpoint);
		printf("%12lu  %s %s, SNAT on %s%s%s\n", sum->list[i].packets, texts.protocol,
		    endpoint, texts.source, texts.zone[0] ? " in zone " : "", texts.zone);
	}
	if (sum->others)
		printf("%12lu  others (--limit)\n", sum->others);
}

void trace_lost_add_sum(struct json *object, const struct trace_lost_sum *sum)
{
	struct json *list;

	json_add_number(object, "lost_packets", (double)sum->packets);
	json_add_number(object, "lost_packets_not_printed", (double)sum->unshown);
	list = json_add_array(object, "lost_packets_by_destination");
	for (size_t i = 0; i < sum->length; i++) {
		struct json *one = json_append_object(list);

		add_destination(one, sum->list[i].to);
		json_add_number(one, "lost_packets", (double)sum->list[i].packets);
	}
	json_add_number(object, "other_lost_packets", (double)sum->others);
}
