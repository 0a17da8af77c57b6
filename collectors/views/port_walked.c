// SPDX-License-Identifier: Apache-2.0
/* What only a walk of the kernel's tables tells about the sockets of a lookup. */
#include <errno.h>
#include <string.h>

#include "collectors/kernel/walk.h"
#include "collectors/views/port_finding.h"

static void tell(const struct port_side *side, const struct socket *walked)
{
	for (size_t i = 0; i < side->length; i++) {
		struct socket *socket = &side->list[i].socket;

		if (socket->state != walked->state || !socket_same_ends(socket, walked))
			continue;
		socket->has_timestamps = walked->has_timestamps;
		socket->tells_timestamps = walked->tells_timestamps;
		socket->own_first_port = walked->own_first_port;
		socket->own_last_port = walked->own_last_port;
		socket->namespace_id = walked->namespace_id;
		socket->age_ms = walked->age_ms;
		socket->tells_age = walked->tells_age;
	}
}

static int observe(void *context, const struct socket *walked)
{
	const struct finding *finding = context;
	const struct port_lookup *lookup = finding->lookup;
	const uint32_t local = finding->place[walked->local_port];
	const uint32_t remote = finding->place[walked->remote_port];

	if (local)
		tell(&lookup->answers[local - 1].local, walked);
	if (remote)
		tell(&lookup->answers[remote - 1].remote, walked);
	return 0;
}

static int ignore_socket(void *context, const struct socket *socket)
{
	(void)context;
	(void)socket;
	return 0;
}

int port_finding_walk(struct finding *finding)
{
	struct walk *walk = finding->options->source->walk;
	const struct walk_sink binds = {
	    .observe = ignore_socket, .batch = port_finding_batch, .context = finding};
	const struct walk_sink connected = {
	    .observe = observe, .batch = port_finding_batch, .context = finding};
	struct portset held;
	int result = walk_list_binds(walk, &binds, &held);

	if (result == 0) {
		_Static_assert(
		    sizeof(finding->buckets.bound) == sizeof(held), "a bit for each port");
		memcpy(finding->buckets.bound, &held, sizeof(held));
		finding->has_buckets = finding->has_walked = true;
		if (finding->lookup->length)
			result = walk_list(walk, WALK_CONNECTED, finding->ports, &connected);
	}
	/* Without it some things are not known, which the answer says. */
	finding->lookup->sees_buckets = finding->has_buckets;
	return result == -ENOBUFS ? 0 : result;
}
