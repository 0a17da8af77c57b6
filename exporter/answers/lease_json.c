// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "exporter/answers/lease.h"
#include "exporter/base/moment.h"

static void add_text(struct json_writer *writer, const char *key, const char *text)
{
	if (text)
		json_writer_string(writer, key, text);
}

void lease_json_add(struct json_writer *writer, const struct lease *lease)
{
	json_writer_moment(writer, "from", lease->from);
	json_writer_moment(writer, "until", lease->until);
	json_writer_string(writer, "protocol", socket_protocol_name(SOCKET_TCP));
	json_writer_string(writer, "family", socket_family_name(lease->family));
	json_writer_string(writer, "source", lease->source);
	json_writer_number(writer, "source_port", lease->source_port);
	json_writer_string(writer, "destination", lease->destination);
	json_writer_number(writer, "destination_port", lease->destination_port);
	json_writer_string(writer, "ended", lease->ended);
	json_writer_bool(writer, "time_wait", lease->time_wait);
	if (lease->pid)
		json_writer_number(writer, "pid", lease->pid);
	add_text(writer, "process", lease->process);
	add_text(writer, "cgroup", lease->cgroup);
	add_text(writer, "pod_uid", lease->pod_uid);
	add_text(writer, "container_id", lease->container_id);
}

/* NULL also if it is too long to be one. */
static const char *read_text(const struct json_value *object, const char *key, size_t most)
{
	const char *text = json_get_string(object, key);

	return text && strnlen(text, most + 1) <= most ? text : NULL;
}

static bool read_moment(const struct json_value *object, const char *key, int64_t *ret_moment)
{
	const char *text = read_text(object, key, MOMENT_TEXT);
	struct moment_span span;

	if (!text || !moment_parse(text, &span))
		return false;
	*ret_moment = span.from;
	return true;
}

static bool read_port(const struct json_value *object, const char *key, uint16_t *ret_port)
{
	unsigned long port;

	if (!json_get_whole(object, key, UINT16_MAX, &port))
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

bool lease_json_read(const struct json_value *object, struct lease *ret_lease)
{
	const char *family = read_text(object, "family", SOCKET_ADDRESS_TEXT);
	struct lease lease = {
	    .source = read_text(object, "source", SOCKET_ADDRESS_TEXT - 1),
	    .destination = read_text(object, "destination", SOCKET_ADDRESS_TEXT - 1),
	    .ended = read_text(object, "ended", LEASE_TEXT_MAX),
	    .time_wait = json_get_bool(object, "time_wait"),
	    .process = read_text(object, "process", LEASE_TEXT_MAX),
	    .cgroup = read_text(object, "cgroup", LEASE_TEXT_MAX),
	    .pod_uid = read_text(object, "pod_uid", LEASE_TEXT_MAX),
	    .container_id = read_text(object, "container_id", LEASE_TEXT_MAX),
	};
	unsigned long pid = 0;

	if (!lease.source || !lease.destination || !lease.ended ||
	    !read_moment(object, "from", &lease.from) ||
	    !read_moment(object, "until", &lease.until) || lease.until < lease.from ||
	    !read_port(object, "source_port", &lease.source_port) ||
	    !read_port(object, "destination_port", &lease.destination_port))
		return false;
	lease.family = family && strcmp(family, "ipv6") == 0 ? SOCKET_IPV6 : SOCKET_IPV4;
	(void)json_get_whole(object, "pid", UINT32_MAX, &pid);
	lease.pid = (uint32_t)pid;
	*ret_lease = lease;
	return true;
}
