// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_leases_print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/lease.h"
#include "exporter/base/moment.h"
#include "exporter/base/terminal.h"

#define COMM_SIZE (sizeof(((struct lease_event *)NULL)->comm) + 1)

static void format_address(const struct lease_event *event, const uint8_t bytes[static 16],
    char text[static SOCKET_ADDRESS_TEXT])
{
	struct socket_address address;

	memcpy(&address, bytes, sizeof(address));
	socket_address_format(
	    &address, event->family ? SOCKET_IPV6 : SOCKET_IPV4, event->interface, text);
}

int trace_leases_print(const struct lease_event *event, int64_t clock,
    const struct cgroup_name *cgroup, struct json_writer *json)
{
	char source[SOCKET_ADDRESS_TEXT];
	char destination[SOCKET_ADDRESS_TEXT];
	char comm[COMM_SIZE];
	struct lease lease = {
	    .from = (int64_t)event->from_ns + clock,
	    .until = (int64_t)event->until_ns + clock,
	    .family = event->family ? SOCKET_IPV6 : SOCKET_IPV4,
	    .source = source,
	    .destination = destination,
	    .source_port = event->local_port,
	    .destination_port = event->remote_port,
	    .ended = lease_end_name(lease_event_end(event)),
	    .time_wait = lease_event_has_time_wait(event),
	    .pid = event->pid,
	    .process = comm,
	};

	format_address(event, event->local, source);
	format_address(event, event->remote, destination);
	/* The kernel's name ends with NUL or has 16 characters. */
	memcpy(comm, event->comm, sizeof(event->comm));
	comm[COMM_SIZE - 1] = '\0';
	if (cgroup) {
		const struct container *container = &cgroup->container;

		lease.cgroup = cgroup->path;
		lease.pod_uid = container->pod_uid[0] ? container->pod_uid : NULL;
		lease.container_id = container->id[0] ? container->id : NULL;
	}
	if (!json)
		return lease_print_line(&lease);
	json_writer_open(json, NULL, '{');
	lease_json_add(json, &lease);
	json_writer_close(json, '}');
	return json_writer_print(json);
}

static void open_timed(struct json_writer *json, const char *key)
{
	json_writer_open(json, NULL, '{');
	json_writer_open(json, key, '{');
	json_writer_moment(json, "time", moment_now());
}

static int close_timed(struct json_writer *json)
{
	json_writer_close(json, '}');
	json_writer_close(json, '}');
	return json_writer_print(json);
}

int trace_leases_print_start(struct json_writer *json)
{
	if (json) {
		open_timed(json, "started");
		return close_timed(json);
	}
	puts(
	    "Each lease of a port is shown as it ends; Ctrl-C sums up. Connections from before are "
	    "not shown.\n");
	return 0;
}

static void print_missed(const struct lease_probe_losses *losses)
{
	printf("%llu changes of state of TCP sockets on this machine were missed; few are the end "
	       "of a lease.\n",
	    (unsigned long long)losses->missed);
}

static void print_losses(const struct lease_probe_losses *losses)
{
	if (losses->lost)
		printf("%llu leases are not shown: they ended faster than they could be printed "
		       "(--buffer).\n",
		    (unsigned long long)losses->lost);
	if (losses->untracked)
		printf("%llu leases are not shown: too many were held at the same time "
		       "(--collector.exhaustion.leases-limit).\n",
		    (unsigned long long)losses->untracked);
	if (losses->missed)
		print_missed(losses);
}

static void add_losses(
    struct json_writer *json, const char *lost, const struct lease_probe_losses *losses)
{
	json_writer_number(json, lost, losses->lost);
	json_writer_number(json, "untracked", losses->untracked);
	if (losses->has_missed)
		json_writer_number(json, "missed_events", losses->missed);
}

int trace_leases_print_losses(const struct lease_probe_losses *losses, struct json_writer *json)
{
	if (!json) {
		print_losses(losses);
		return 0;
	}
	open_timed(json, "lost");
	add_losses(json, "leases", losses);
	return close_timed(json);
}

int trace_leases_print_sum(const struct trace_leases_sum *sum, struct json_writer *json)
{
	if (!json) {
		printf("\n%llu lease%s in %.1f s.\n", (unsigned long long)sum->leases,
		    sum->leases == 1 ? "" : "s", sum->seconds);
		if (sum->is_part)
			printf("%llu other lease%s, which you did not ask for.\n",
			    (unsigned long long)sum->others, sum->others == 1 ? "" : "s");
		print_losses(&sum->losses);
		return 0;
	}
	open_timed(json, "summary");
	json_writer_number(json, "seconds", (uint64_t)sum->seconds);
	json_writer_number(json, "leases", sum->leases);
	if (sum->is_part)
		json_writer_number(json, "leases_not_asked_for", sum->others);
	add_losses(json, "lost", &sum->losses);
	return close_timed(json);
}
