// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_conflict.h"

#include <stdio.h>

#include "exporter/answers/port_holder.h"

/* Age in seconds from which on the time of the look is said. */
#define STALE_SECONDS 2

const char *trace_conflict_call(const struct exhausted_event *event)
{
	return event->refused & REFUSED_LISTEN ? "listen" : "bind";
}

static enum socket_protocol protocol_of(const struct exhausted_event *event)
{
	return event->call == EXHAUSTED_BIND_UDP ? SOCKET_UDP : SOCKET_TCP;
}

static void add_found(struct text *text, const struct traced *traced)
{
	const struct holder *holder = traced->holder;
	char clock[16];
	char more[64];
	struct tm local;

	text_add_string(text, ", held by ");
	port_holder_add(text, holder->lookup, holder->socket);
	if (holder->others) {
		snprintf(more, sizeof(more), ", and %zu more socket%s", holder->others,
		    holder->others == 1 ? "" : "s");
		text_add_string(text, more);
	}
	if (traced->time.tv_sec - holder->time.tv_sec < STALE_SECONDS)
		return;
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&holder->time.tv_sec, &local));
	text_add_string(text, ", as of ");
	text_add_string(text, clock);
}

static void add_elsewhere(struct text *text, const struct traced *traced)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", traced->event->namespace_inode);
	text_add_string(text, "; --namespace=");
	text_add_string(text, number);
	text_add_string(text, " also shows its holder");
}

static void add_holder(struct text *text, const struct traced *traced)
{
	switch (traced->holder->search) {
	case HOLDER_FOUND:
		add_found(text, traced);
		break;
	case HOLDER_GONE:
		text_add_string(text, "; nobody holds it any more");
		break;
	case HOLDER_UNLISTED:
		text_add_string(text, "; its holder is gone, or only called bind(), which is not "
				      "listed here");
		break;
	case HOLDER_SKIPPED:
		text_add_string(
		    text, "; its holder was not looked up: earlier looks took too long");
		break;
	case HOLDER_FAILED:
		text_add_string(text, "; its holder is unknown: sockets cannot be listed");
		break;
	case HOLDER_ELSEWHERE:
		add_elsewhere(text, traced);
		break;
	}
}

void trace_conflict_add_text(struct text *text, const struct traced *traced, const char *local)
{
	const struct exhausted_event *event = traced->event;
	char endpoint[SOCKET_ENDPOINT_TEXT];
	char start[64];

	snprintf(start, sizeof(start), "%s %u: Address already in use", trace_conflict_call(event),
	    event->refused_port);
	text_add_string(text, start);
	add_holder(text, traced);
	socket_endpoint_format(
	    local, event->family ? SOCKET_IPV6 : SOCKET_IPV4, event->refused_port, endpoint);
	text_add_string(text, "; ");
	text_add_string(text, socket_protocol_name(protocol_of(event)));
	text_add_char(text, ' ');
	text_add_string(text, endpoint);
	text_add_string(text, " asked for by");
}

void trace_conflict_add_json(struct json *object, const struct traced *traced)
{
	const struct holder *holder = traced->holder;

	json_add_number(object, "port", traced->event->refused_port);
	json_add_string(object, "holder_search", holder_search_name(holder->search));
	if (holder->search == HOLDER_SKIPPED || holder->search == HOLDER_FAILED ||
	    holder->search == HOLDER_ELSEWHERE)
		return;
	trace_add_time(object, "holder_time", &holder->time);
	if (holder->search != HOLDER_FOUND)
		return;
	json_add_root(object, "holder", holder->json);
	json_add_number(object, "other_holders", (double)holder->others);
}

static const char *protocol_name(const struct tally_shown *shown)
{
	return socket_protocol_name(conflict_protocol(&shown->key));
}

void trace_conflict_print_sum(const struct traced_sum *sum)
{
	if (!sum->conflicts)
		return;
	puts("\nCONFLICTS  PORT");
	for (size_t i = 0; i < sum->ports_length; i++)
		printf("%9llu  %s %u\n", (unsigned long long)sum->ports[i].count,
		    protocol_name(&sum->ports[i]), conflict_port(&sum->ports[i].key));
	if (sum->other_ports)
		printf("%9lu  others (--limit)\n", sum->other_ports);
}

void trace_conflict_add_sum(struct json *object, const struct traced_sum *sum)
{
	struct json *ports;

	json_add_number(object, "conflicts", (double)sum->conflicts);
	ports = json_add_array(object, "ports");
	for (size_t i = 0; i < sum->ports_length; i++) {
		struct json *one = json_append_object(ports);

		json_add_string(one, "protocol", protocol_name(&sum->ports[i]));
		json_add_number(one, "port", conflict_port(&sum->ports[i].key));
		json_add_number(one, "conflicts", (double)sum->ports[i].count);
	}
	json_add_number(object, "other_ports", (double)sum->other_ports);
}
