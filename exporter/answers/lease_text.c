// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "exporter/answers/lease.h"
#include "exporter/base/moment.h"
#include "exporter/base/text.h"

/* Anyone can choose a process's or a cgroup's name, and write a line of a log. Returns 0 or
 * -ENOMEM. */
static int print_safely(const char *before, const char *text)
{
	cleanup_free char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	text_make_printable(copy);
	printf("%s%s", before, copy);
	return 0;
}

static void print_ends(const struct lease *lease)
{
	char address[SOCKET_ADDRESS_TEXT];
	char source[SOCKET_ENDPOINT_TEXT];
	char destination[SOCKET_ENDPOINT_TEXT];

	snprintf(address, sizeof(address), "%s", lease->source);
	text_make_printable(address);
	socket_endpoint_format(address, lease->family, lease->source_port, source);
	snprintf(address, sizeof(address), "%s", lease->destination);
	text_make_printable(address);
	socket_endpoint_format(address, lease->family, lease->destination_port, destination);
	printf("tcp  %s -> %s", source, destination);
}

static int print_ended(const struct lease *lease)
{
	const int result = print_safely("  ", lease->ended);

	if (lease->time_wait)
		printf(", then TIME_WAIT");
	return result;
}

static int print_process(const struct lease *lease, const char *before)
{
	const int result =
	    print_safely(before, lease->process ? lease->process : "unknown process");

	if (lease->pid)
		printf(" (pid %u)", lease->pid);
	return result;
}

static void print_times(const struct lease *lease, int64_t day)
{
	char from[MOMENT_TEXT];
	char until[MOMENT_TEXT];

	moment_format_local(lease->from, day, from);
	moment_format_local(lease->until, day, until);
	printf("%s - %s", from, until);
}

int lease_print_line(const struct lease *lease)
{
	int result;

	print_times(lease, lease->until);
	printf("  ");
	print_ends(lease);
	result = print_ended(lease);
	if (result == 0)
		result = print_process(lease, "  ");
	if (result == 0)
		result = print_safely("  ", lease->cgroup ? lease->cgroup : "unknown");
	putchar('\n');
	return result;
}

int lease_print_block(const struct lease *lease, int64_t day)
{
	int result;

	printf("  ");
	print_times(lease, day);
	result = print_ended(lease);
	printf("\n       ");
	print_ends(lease);
	if (result == 0)
		result = print_process(lease, "\n       ");
	if (result == 0 && lease->cgroup)
		result = print_safely(", cgroup ", lease->cgroup);
	if (result == 0 && lease->pod_uid)
		result = print_safely("\n       pod ", lease->pod_uid);
	if (result == 0 && lease->container_id)
		result = print_safely(
		    lease->pod_uid ? ", container " : "\n       container ", lease->container_id);
	putchar('\n');
	return result;
}
