// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/pools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/terminal.h"
#include "exporter/base/text.h"

/* The wildcards and a few more of each protocol; --json has all. */
#define SHOWN_OF_PROTOCOL 5
#define OWNERS_SHOWN 3

static unsigned size_of(const struct settings *settings)
{
	return port_range_size(settings->range) -
	       portset_count_range(&settings->reserved, settings->range);
}

static double share_of(const struct pool_row *row, const struct settings *settings)
{
	const unsigned size = size_of(settings);

	return size ? (double)row->ports / size : 1;
}

static void print_owner(const struct pool_owner *owner)
{
	/* Anyone can choose a cgroup's name: it must not control the terminal. */
	char *cgroup = strdup(owner->cgroup);
	char number[16];

	if (!cgroup)
		return;
	snprintf(number, sizeof(number), "%u", owner->ports);
	text_make_printable(cgroup);
	printf("  %s by ", number);
	terminal_print_clipped(cgroup, (size_t)terminal_width() - strlen(number) - 6);
	putchar('\n');
	free(cgroup);
}

static void print_protocol(
    const struct pool_rows *rows, const struct settings *settings, const char *protocol)
{
	unsigned shown = 0;

	for (size_t i = 0; i < rows->length; i++) {
		const struct pool_row *row = &rows->list[i];

		if (strcmp(row->protocol, protocol) == 0 && shown++ < SHOWN_OF_PROTOCOL)
			printf("%s %-40s %6u %5.1f%%\n", protocol, row->address, row->ports,
			    share_of(row, settings) * 100);
	}
}

void pools_print(const struct pool_rows *rows, const struct settings *settings)
{
	if (rows->length == 0)
		return;
	printf("\nEach address has %u ports for UDP, and %u for bind() to port 0 over TCP.\n\n",
	    size_of(settings), size_of(settings));
	printf("%-44s %6s %6s\n", "POOL", "TAKEN", "SHARE");
	print_protocol(rows, settings, "udp");
	for (size_t i = 0; i < rows->owners_length && i < OWNERS_SHOWN; i++)
		print_owner(&rows->udp_owners[i]);
	print_protocol(rows, settings, "tcp");
}

void pools_json_add(
    struct json *object, const struct pool_rows *rows, const struct settings *settings)
{
	struct json *pools = json_add_array(object, "pools");
	struct json *owners = json_add_array(object, "udp_owners");

	for (size_t i = 0; i < rows->length; i++) {
		struct json *pool = json_append_object(pools);

		json_add_string(pool, "protocol", rows->list[i].protocol);
		json_add_string(pool, "address", rows->list[i].address);
		json_add_number(pool, "ports", rows->list[i].ports);
		json_add_number(pool, "usage_ratio", share_of(&rows->list[i], settings));
	}
	for (size_t i = 0; i < rows->owners_length; i++) {
		struct json *owner = json_append_object(owners);

		json_add_string(owner, "cgroup", rows->udp_owners[i].cgroup);
		json_add_string(owner, "pod_uid", rows->udp_owners[i].pod_uid);
		json_add_string(owner, "container_id", rows->udp_owners[i].container_id);
		json_add_number(owner, "ports", rows->udp_owners[i].ports);
	}
}
