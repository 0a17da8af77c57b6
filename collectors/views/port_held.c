// SPDX-License-Identifier: Apache-2.0
/* The ports that bind() keeps from every connect(), as far as a lookup needs them. */
#include <errno.h>

#include "collectors/views/port_finding.h"

int port_finding_batch(void *context)
{
	const struct port_lookup_options *options = ((struct finding *)context)->options;

	return options->should_stop && options->should_stop(options->context) ? -ECANCELED : 0;
}

static bool is_free(const struct finding *finding, uint16_t port)
{
	const uint32_t place = finding->place[port];

	return !portset_has(&finding->lookup->settings.reserved, port) &&
	       (place == 0 || finding->lookup->answers[place - 1].local.total == 0);
}

static int note_held(void *context, const struct socket *socket)
{
	struct finding *finding = context;

	portset_add(&finding->lookup->held, socket->local_port);
	return 0;
}

/*
 * Whether all held ports are needed: the chance of a free port depends on the ports beside it. Only
 * a port that connect() can take has a chance.
 */
static bool wants_held(const struct finding *finding)
{
	const struct port_range range = finding->lookup->settings.range;

	for (unsigned port = range.first; port <= range.last; port++)
		if (portset_has(finding->ports, (uint16_t)port) && is_free(finding, (uint16_t)port))
			return true;
	return false;
}

/*
 * A listener holds its port by bind(), so the buckets are not needed for it; but they are for
 * sockets of this host that are connected to it, which have ports of their own.
 */
static bool wants_buckets(const struct finding *finding)
{
	const struct port_lookup *lookup = finding->lookup;

	for (size_t i = 0; i < lookup->length; i++)
		if ((lookup->answers[i].local.total &&
			!portset_has(&lookup->listen, lookup->answers[i].port)) ||
		    lookup->answers[i].remote.total)
			return true;
	return wants_held(finding);
}

int port_finding_list_buckets(struct finding *finding)
{
	struct bind_buckets *buckets = finding->options->source->buckets;

	finding->has_buckets = finding->has_walked = false;
	if (finding->options->source->walk)
		return port_finding_walk(finding);
	finding->lookup->sees_buckets = buckets != NULL;
	if (!buckets || !wants_buckets(finding))
		return 0;

	const int result = bind_buckets_list(buckets, finding->lookup->settings.range,
	    port_finding_batch, finding, &finding->buckets);

	/* Older kernels need a capability for it, which we gave up. */
	if (result == -EPERM)
		finding->lookup->sees_buckets = false;
	finding->has_buckets = result == 0;
	return result == -EPERM ? 0 : result;
}

/* This needs two more walks; one if the buckets are known. */
int port_finding_list_held(struct finding *finding)
{
	const struct source_observer observer = {note_held, port_finding_batch, finding};
	struct portset *held = &finding->lookup->held;
	int result;

	*held = finding->lookup->listen;
	if (!wants_held(finding))
		return 0;
	result = source_list(finding->source, LISTING_TCP_BOUND, &observer);
	if (finding->has_buckets)
		portset_unite(held, buckets_bound(&finding->buckets));
	else if (result == 0 || result == -EOPNOTSUPP || result == -ENODATA)
		result = source_list(finding->source, LISTING_TCP_CHOSEN, &observer);
	return result == -EOPNOTSUPP || result == -ENODATA ? 0 : result;
}

/* Returns whether a socket other than TIME_WAIT is on a port that bind() holds. */
static bool judge_side(const struct finding *finding, struct port_side *side)
{
	const struct portset *bound = buckets_bound(&finding->buckets);
	bool is_held = false;

	for (size_t i = 0; i < side->length; i++) {
		struct port_socket *found = &side->list[i];

		found->is_bound = found->socket.protocol == SOCKET_TCP &&
				  portset_has(bound, found->socket.local_port) &&
				  found->socket.state != SOCKET_LISTEN &&
				  found->socket.state != SOCKET_BOUND;
		if (found->is_bound && found->socket.state != SOCKET_TIME_WAIT)
			is_held = true;
	}
	return is_held;
}

/* What the buckets show of a connection that is in no listing of chosen ports. */
void port_finding_judge_bound(const struct finding *finding, struct port_answer *answer)
{
	if (!finding->has_buckets)
		return;
	/* TIME_WAIT does not count: no socket holds the port any more. */
	if (judge_side(finding, &answer->local))
		port_finding_raise(answer, PORT_STATE_BOUND);
	(void)judge_side(finding, &answer->remote);
}
