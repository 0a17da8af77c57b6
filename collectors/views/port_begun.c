// SPDX-License-Identifier: Apache-2.0
/* How old connections are whose begin was seen. */
#include "collectors/views/port_finding.h"

#define NS_PER_MS 1000000u
/* By so much a machine that others keep from its processor may be behind with its ticks. */
#define TICKS_LATE_MS 1000u

static bool is_connection(const struct socket *socket)
{
	return socket->protocol == SOCKET_TCP && socket->state != SOCKET_LISTEN &&
	       socket->state != SOCKET_BOUND && socket->state != SOCKET_TIME_WAIT;
}

/*
 * A socket that was listed may have ended its connection since, and begun another one. That began
 * after the listing, so it is not taken for the one that was listed.
 */
static void tell_age(const struct finding *finding, uint64_t now_ns, struct socket *socket)
{
	uint64_t start_ns;

	if (!is_connection(socket) ||
	    !lease_starts_find(finding->options->starts, socket->cookie, &start_ns) ||
	    start_ns > finding->begun_ns)
		return;

	const uint64_t age_ms = (now_ns - start_ns) / NS_PER_MS;

	/*
	 * It cannot be younger than the socket's own times say: something is amiss. These are of
	 * ticks, and too old by as much as the ticks were late.
	 */
	if (socket->tells_age && socket->age_ms > age_ms + TICKS_LATE_MS)
		return;
	socket->age_ms = age_ms;
	socket->tells_age = socket->age_is_exact = true;
}

static void tell_side(const struct finding *finding, uint64_t now_ns, struct port_side *side)
{
	for (size_t i = 0; i < side->length; i++)
		tell_age(finding, now_ns, &side->list[i].socket);
}

void port_finding_tell_ages(struct finding *finding)
{
	struct port_lookup *lookup = finding->lookup;

	if (!finding->options->starts)
		return;

	const uint64_t now_ns = lease_starts_now(finding->options->starts);

	for (size_t i = 0; i < lookup->length; i++) {
		tell_side(finding, now_ns, &lookup->answers[i].local);
		tell_side(finding, now_ns, &lookup->answers[i].remote);
	}
}
