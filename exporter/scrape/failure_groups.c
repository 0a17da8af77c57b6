// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/failure_groups.h"

#include <string.h>
#include <time.h>

#include "collectors/kernel/clock.h"
#include "collectors/tables/destination.h"
#include "exporter/base/json_writer.h"

static bool is_alike(const struct exhausted_event *a, const struct exhausted_event *b)
{
	return a->call == b->call && a->family == b->family && a->remote_port == b->remote_port &&
	       a->interface == b->interface && a->cgroup_id == b->cgroup_id &&
	       memcmp(a->local, b->local, sizeof(a->local)) == 0 &&
	       memcmp(a->remote, b->remote, sizeof(a->remote)) == 0 &&
	       strncmp(a->comm, b->comm, sizeof(a->comm)) == 0;
}

void failure_groups_add(struct failure_groups *groups, const struct exhausted_event *event)
{
	size_t i = 0;

	if (event->refused_port)
		return;
	groups->told++;
	while (i < groups->length && !is_alike(&groups->list[i].event, event))
		i++;
	if (i == FAILURE_GROUPS) {
		groups->others++;
		return;
	}
	if (i == groups->length)
		groups->list[groups->length++].calls = 0;
	groups->list[i].event = *event;
	groups->list[i].calls++;
}

/* An event has the time of a clock that no one sets. In ms since 1970. */
static int64_t time_of(const struct exhausted_event *event)
{
	const struct timespec monotonic = clock_now();
	const int64_t age_ms =
	    ((int64_t)monotonic.tv_sec * 1000000000 + monotonic.tv_nsec - (int64_t)event->time_ns) /
	    1000000;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - age_ms;
}

static void add_ends(struct json_writer *writer, const struct exhausted_event *event)
{
	struct destination ends = {
	    .family = event->family ? SOCKET_IPV6 : SOCKET_IPV4,
	    .interface = event->interface,
	};
	char text[SOCKET_ADDRESS_TEXT];

	memcpy(&ends.source, event->local, sizeof(ends.source));
	memcpy(&ends.address, event->remote, sizeof(ends.address));
	json_writer_string(writer, "family", socket_family_name(ends.family));
	destination_source_format(&ends, text);
	json_writer_string(writer, "source", text);
	if (event->call != EXHAUSTED_CONNECT)
		return;
	socket_address_format(&ends.address, ends.family, ends.interface, text);
	json_writer_string(writer, "destination", text);
	json_writer_number(writer, "destination_port", event->remote_port);
}

static void add_name(struct json_writer *writer, const char *key, const char *name)
{
	if (name[0])
		json_writer_string(writer, key, name);
}

static void add_owner(struct json_writer *writer, const struct owner_labels *owner)
{
	json_writer_string(writer, "cgroup", owner->cgroup);
	add_name(writer, "pod_uid", owner->container.pod_uid);
	add_name(writer, "container_id", owner->container.id);
	add_name(writer, "namespace", owner->namespace_name);
	add_name(writer, "pod", owner->pod);
}

static void begin(struct json_writer *writer, int64_t time_ms, uint64_t calls)
{
	json_writer_open(writer, NULL, '{');
	json_writer_number(writer, "time_ms", time_ms > 0 ? (uint64_t)time_ms : 0);
	json_writer_number(writer, "calls", calls);
}

void failure_group_write(
    const struct failure_group *group, const struct owner_labels *owner, struct text *text)
{
	const struct exhausted_event *event = &group->event;
	struct json_writer writer = {.text = *text, .is_first = true};
	char comm[sizeof(event->comm) + 1] = "";

	/* The kernel's name ends with NUL or has 16 characters. */
	memcpy(comm, event->comm, sizeof(event->comm));
	begin(&writer, time_of(event), group->calls);
	json_writer_string(&writer, "call", event->call == EXHAUSTED_CONNECT ? "connect" : "bind");
	json_writer_string(&writer, "protocol",
	    socket_protocol_name(event->call == EXHAUSTED_BIND_UDP ? SOCKET_UDP : SOCKET_TCP));
	add_ends(&writer, event);
	add_name(&writer, "process", comm);
	if (owner)
		add_owner(&writer, owner);
	json_writer_close(&writer, '}');
	*text = writer.text;
}

void failure_others_write(int64_t time_ms, uint64_t calls, struct text *text)
{
	struct json_writer writer = {.text = *text, .is_first = true};

	begin(&writer, time_ms, calls);
	json_writer_close(&writer, '}');
	*text = writer.text;
}
