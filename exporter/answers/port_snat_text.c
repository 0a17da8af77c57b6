// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_snat_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/terminal.h"

#define ALIKE_SHOWN 5
#define ALIKE_LISTED \
	(ALIKE_SHOWN + 1) /* "and 1 more" would use the line of the connection itself */
#define CLIENTS_SHOWN 3

bool port_snat_add_words(struct text *text, const struct port_snat *snat, uint16_t port)
{
	const unsigned long total = port_snat_total(snat, port);
	char sentence[128];

	if (!total)
		return false;
	snprintf(sentence, sizeof(sentence),
	    "No socket of this host has it, but source NAT sends %lu connection%s out from it.",
	    total, total == 1 ? "" : "s");
	if (text->length)
		text_add_char(text, ' ');
	text_add_string(text, sentence);
	return true;
}

static const char *state_of(const struct snat_flow *flow)
{
	return flow->is_closing ? "closing" : "active";
}

static void format(const struct snat_flow *flow, const struct socket_address *address,
    uint16_t port, char text[static SOCKET_ENDPOINT_TEXT])
{
	char name[SOCKET_ADDRESS_TEXT];

	socket_address_format(address, flow->family, 0, name);
	socket_endpoint_format(name, flow->family, port, text);
}

void port_snat_print_flow(const struct snat_flow *flow, int column)
{
	char client[SOCKET_ENDPOINT_TEXT];
	char address[SOCKET_ENDPOINT_TEXT];
	char remote[SOCKET_ENDPOINT_TEXT];

	format(flow, &flow->client, flow->client_port, client);
	format(flow, &flow->address, flow->port, address);
	format(flow, &flow->remote, flow->remote_port, remote);
	printf("%-4s %-12s ", socket_protocol_name(flow->protocol), state_of(flow));
	if (column + 18 + (int)(strlen(address) + strlen(remote)) + 4 > terminal_width())
		printf("%s\n%*s-> %s\n", address, column + 5, "", remote);
	else
		printf("%s -> %s\n", address, remote);
	printf("%*sSNAT of %s", column + 5, "", client);
	if (flow->zone)
		printf(" in zone %u", flow->zone);
	putchar('\n');
}

/* How many of the connections each client has. */
struct client {
	const struct snat_flow *flow; /* one of them */
	size_t count;
};

static int compare_clients(const void *a, const void *b)
{
	const struct client *first = a;
	const struct client *second = b;

	if (first->count != second->count)
		return first->count > second->count ? -1 : 1;
	return snat_flow_compare(first->flow, second->flow);
}

static int order_of(const struct snat_flow *a, const struct snat_flow *b)
{
	return a->family != b->family ? (int)a->family - (int)b->family
				      : memcmp(&a->client, &b->client, sizeof(a->client));
}

static int compare_by_client(const void *a, const void *b)
{
	return order_of(*(const struct snat_flow *const *)a, *(const struct snat_flow *const *)b);
}

/* list: sorted by client. clients: room for as many. Returns how many there are. */
static size_t count_clients(
    const struct snat_flow *const *list, size_t length, struct client *clients)
{
	size_t found = 0;

	for (size_t i = 0; i < length; i++) {
		if (i == 0 || order_of(list[i - 1], list[i]) != 0)
			clients[found++] = (struct client){list[i], 0};
		clients[found - 1].count++;
	}
	qsort(clients, found, sizeof(*clients), compare_clients);
	return found;
}

/* "They are of 4 clients: 10.77.1.3 (700), 10.77.1.2 (12), 10.77.1.5 (3) and 1 more." */
static void print_clients(const struct snat_flow *list, size_t length)
{
	const struct snat_flow **sorted = calloc(length + 1, sizeof(struct snat_flow *));
	struct client *clients = calloc(length + 1, sizeof(*clients));
	struct text text = {0};
	char words[SOCKET_ADDRESS_TEXT + 64];
	size_t found = 0;

	for (size_t i = 0; sorted && i < length; i++)
		sorted[i] = &list[i];
	if (sorted && clients) {
		qsort(sorted, length, sizeof(struct snat_flow *), compare_by_client);
		found = count_clients(sorted, length, clients);
	}
	snprintf(words, sizeof(words), "They are of %zu client%s: ", found, found == 1 ? "" : "s");
	text_add_string(&text, words);
	for (size_t i = 0; i < found && i < CLIENTS_SHOWN; i++) {
		char name[SOCKET_ADDRESS_TEXT];

		socket_address_format(&clients[i].flow->client, clients[i].flow->family, 0, name);
		snprintf(words, sizeof(words), "%s%s (%zu)", i ? ", " : "", name, clients[i].count);
		text_add_string(&text, words);
	}
	if (found > CLIENTS_SHOWN)
		snprintf(words, sizeof(words), " and %zu more.", found - CLIENTS_SHOWN);
	text_add_string(&text, found > CLIENTS_SHOWN ? words : ".");
	text_add_char(&text, '\0');
	if (found && !text.error)
		terminal_print_wrapped(text.data, 2, terminal_width());
	free(text.data);
	free(sorted);
	free(clients);
}

void port_snat_print(const struct port_snat *snat, uint16_t port, size_t limit)
{
	const unsigned long total = port_snat_total(snat, port);
	size_t length;
	const struct snat_flow *list = port_snat_find(snat, port, &length);
	const unsigned long unlisted = total - length;
	size_t shown = length > ALIKE_LISTED ? ALIKE_SHOWN : length;
	unsigned long more;

	if (!total)
		return;
	shown = shown < limit ? shown : limit;
	printf("\nSource NAT has given it to %lu connection%s:\n", total, total == 1 ? "" : "s");
	for (size_t i = 0; i < shown; i++) {
		printf("\n  ");
		port_snat_print_flow(&list[i], 2);
	}
	more = total - shown;
	if (!more)
		return;
	printf("\n  and %lu more\n", more);
	print_clients(list, length);
	if (unlisted)
		printf("  Of %lu only the number is known.\n", unlisted);
}

void port_snat_add_columns(struct text *text, const struct snat_flow *flow)
{
	char endpoint[SOCKET_ENDPOINT_TEXT];

	text_add_string(text, socket_protocol_name(flow->protocol));
	text_add_string(text, flow->is_closing ? "\tsnat-closing\t" : "\tsnat\t");
	format(flow, &flow->address, flow->port, endpoint);
	text_add_string(text, endpoint);
	text_add_char(text, '\t');
	format(flow, &flow->remote, flow->remote_port, endpoint);
	text_add_string(text, endpoint);
	text_add_char(text, '\t');
	format(flow, &flow->client, flow->client_port, endpoint);
	text_add_string(text, endpoint);
	text_add_string(text, "\t-");
}

static void add_end(struct json *object, const char *address_key, const char *port_key,
    const struct snat_flow *flow, const struct socket_address *address, uint16_t port)
{
	char text[SOCKET_ADDRESS_TEXT];

	socket_address_format(address, flow->family, 0, text);
	json_add_string(object, address_key, text);
	json_add_number(object, port_key, port);
}

void port_snat_json_add(
    struct json *object, const struct port_snat *snat, uint16_t port, size_t limit)
{
	const unsigned long total = port_snat_total(snat, port);
	size_t length;
	const struct snat_flow *list = port_snat_find(snat, port, &length);
	struct json *item;
	struct json *flows;

	if (!total)
		return;
	item = json_add_object(object, "snat");
	json_add_number(item, "total", (double)total);
	flows = json_add_array(item, "connections");
	for (size_t i = 0; i < length && i < limit; i++) {
		struct json *flow = json_append_object(flows);

		json_add_string(flow, "protocol", socket_protocol_name(list[i].protocol));
		json_add_string(flow, "family", socket_family_name(list[i].family));
		json_add_string(flow, "state", state_of(&list[i]));
		add_end(flow, "client_address", "client_port", &list[i], &list[i].client,
		    list[i].client_port);
		add_end(flow, "source_address", "source_port", &list[i], &list[i].address, port);
		add_end(flow, "destination_address", "destination_port", &list[i], &list[i].remote,
		    list[i].remote_port);
		if (list[i].zone)
			json_add_number(flow, "zone", list[i].zone);
	}
}
