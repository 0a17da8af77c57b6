// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_difference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"

/* An end of a socket. */
struct end {
	enum socket_family family;
	uint32_t interface;
	struct socket_address address;
	uint16_t port;
};

static int compare_addresses(const void *a, const void *b)
{
	const struct end *first = a;
	const struct end *second = b;

	if (first->family != second->family)
		return first->family < second->family ? -1 : 1;
	return memcmp(&first->address, &second->address, sizeof(first->address));
}

static int compare_ports(const void *a, const void *b)
{
	return (int)((const struct end *)a)->port - (int)((const struct end *)b)->port;
}

/* How many are different, of a sorted list; and the one that comes most often, and how often. */
static size_t count_different(const struct end *ends, size_t length,
    int (*compare)(const void *, const void *), const struct end **ret_most, size_t *ret_times)
{
	size_t different = 0;

	*ret_times = 0;
	for (size_t start = 0, end; start < length; start = end) {
		for (end = start + 1; end < length && compare(&ends[end], &ends[start]) == 0;)
			end++;
		different++;
		if (end - start <= *ret_times)
			continue;
		*ret_times = end - start;
		*ret_most = &ends[start];
	}
	return different;
}

#define PARTS_MAX 4 /* the address and the port of each end */

struct parts {
	size_t length;
	char list[PARTS_MAX][SOCKET_ADDRESS_TEXT + 80];
};

static void add_addresses(struct parts *parts, struct end *ends, size_t length, const char *side)
{
	char address[SOCKET_ADDRESS_TEXT];
	const struct end *most = ends;
	size_t different;
	size_t times;

	qsort(ends, length, sizeof(*ends), compare_addresses);
	different = count_different(ends, length, compare_addresses, &most, &times);
	if (different < 2)
		return;
	socket_address_format(&most->address, most->family, most->interface, address);
	text_make_printable(address); /* it may end in an interface's name */
	snprintf(parts->list[parts->length++], sizeof(parts->list[0]),
	    "%zu %s addresses (%s: %zu of them)", different, side, address, times);
}

static void add_ports(struct parts *parts, struct end *ends, size_t length, const char *side)
{
	const struct end *most;
	size_t different;
	size_t times;

	qsort(ends, length, sizeof(*ends), compare_ports);
	different = count_different(ends, length, compare_ports, &most, &times);
	if (different < 2)
		return;
	snprintf(parts->list[parts->length++], sizeof(parts->list[0]), "%zu %s ports (%u to %u)",
	    different, side, ends[0].port, ends[length - 1].port);
}

static void add_parts(struct text *text, const struct parts *parts)
{
	for (size_t i = 0; i < parts->length; i++) {
		text_add_string(text, i == 0		      ? "They have "
				      : i + 1 < parts->length ? ", "
							      : " and ");
		text_add_string(text, parts->list[i]);
	}
	if (parts->length)
		text_add_char(text, '.');
}

void port_difference_add(struct text *text, const struct port_group *group)
{
	cleanup_free struct end *ends = calloc(group->length, sizeof(*ends));
	struct parts parts = {0};

	if (!ends) {
		text->error = -ENOMEM;
		return;
	}
	for (int is_remote = 0; is_remote < 2; is_remote++) {
		const char *side = is_remote ? "remote" : "local";

		for (size_t i = 0; i < group->length; i++) {
			const struct socket *socket = &group->list[i]->socket;

			ends[i] = (struct end){socket->family, socket->interface,
			    is_remote ? socket->remote : socket->local,
			    is_remote ? socket->remote_port : socket->local_port};
		}
		add_addresses(&parts, ends, group->length, side);
		add_ports(&parts, ends, group->length, side);
	}
	add_parts(text, &parts);
}
