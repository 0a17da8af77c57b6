// SPDX-License-Identifier: Apache-2.0
/* How many sockets there are, by state, and which way their connections were opened. */
#include <stdlib.h>

#include "collectors/collector.h"

static const struct metric_family socket_count = {
    .name = "ephemera_sockets",
    .help = "Sockets by protocol, family and state; an IPv4-mapped socket is IPv4. Bound: "
	    "bind() without listen() or connect(), seen since Linux 6.8.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "family", "state"},
    .example = "sum by (instance, state) (ephemera_sockets{protocol=\"tcp\"})",
};
static const struct metric_family connection_count = {
    .name = "ephemera_tcp_connections",
    .help =
	"TCP sockets with a peer, including TIME_WAIT, by who opened them: inbound if their local "
	"port has a listener and they were not bound to it by number. Only outbound ones lease an "
	"ephemeral port. In TIME_WAIT, and with /proc, every one on a listener's port counts as "
	"inbound: whether it was bound is not shown there.",
    .type = METRIC_GAUGE,
    .labels = {"family", "direction"},
    .example = "topk(10, sum by (instance) (ephemera_tcp_connections{direction=\"outbound\"}))",
};

static const struct metric_family *const families[] = {
    &socket_count,
    &connection_count,
    NULL,
};

struct counts {
	const struct facts *facts;
	unsigned sockets[SOCKET_PROTOCOLS][SOCKET_FAMILIES][SOCKET_STATES];
	unsigned inbound[SOCKET_FAMILIES];
	unsigned outbound[SOCKET_FAMILIES];
};

static int init(void *state, const struct collector_config *config)
{
	((struct counts *)state)->facts = config->facts;
	return 0;
}

static void reset(void *state)
{
	struct counts *counts = state;

	*counts = (struct counts){.facts = counts->facts};
}

static bool has_peer(const struct socket *socket)
{
	return socket->protocol == SOCKET_TCP && socket->state != SOCKET_LISTEN &&
	       socket->state != SOCKET_CLOSE && socket->state != SOCKET_BOUND;
}

static int observe(void *state, const struct socket *socket)
{
	struct counts *counts = state;

	counts->sockets[socket->protocol][socket->family][socket->state]++;
	if (!has_peer(socket))
		return 0;
	if (portset_has(&counts->facts->holders.listen, socket->local_port))
		counts->inbound[socket->family]++;
	else
		counts->outbound[socket->family]++;
	return 0;
}

static void emit_states(const struct counts *counts, struct metric_set *set,
    enum socket_protocol protocol, enum socket_family family)
{
	static const enum socket_state tcp_states[] = {SOCKET_ESTABLISHED, SOCKET_SYN_SENT,
	    SOCKET_SYN_RECV, SOCKET_FIN_WAIT1, SOCKET_FIN_WAIT2, SOCKET_TIME_WAIT, SOCKET_CLOSE,
	    SOCKET_CLOSE_WAIT, SOCKET_LAST_ACK, SOCKET_LISTEN, SOCKET_CLOSING, SOCKET_BOUND};
	static const enum socket_state udp_states[] = {SOCKET_ESTABLISHED, SOCKET_CLOSE};
	const bool tcp = protocol == SOCKET_TCP;
	const enum socket_state *states = tcp ? tcp_states : udp_states;
	const size_t length = tcp ? sizeof(tcp_states) / sizeof(tcp_states[0])
				  : sizeof(udp_states) / sizeof(udp_states[0]);

	for (size_t i = 0; i < length; i++)
		metric_add(set, &socket_count, counts->sockets[protocol][family][states[i]],
		    METRIC_LABELS(socket_protocol_name(protocol), socket_family_name(family),
			socket_state_name(states[i])));
}

/* Sockets that were listed earlier may have ended, and no count may fall below zero. */
static unsigned long dialled(const struct counts *counts, enum socket_family family)
{
	const unsigned long listed = counts->facts->holders.dialled[family];

	return listed < counts->inbound[family] ? listed : counts->inbound[family];
}

static int emit(void *state, struct metric_set *set)
{
	const struct counts *counts = state;

	for (enum socket_protocol protocol = 0; protocol < SOCKET_PROTOCOLS; protocol++)
		for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++)
			emit_states(counts, set, protocol, family);
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		const char *name = socket_family_name(family);

		const unsigned long from_listeners = dialled(counts, family);

		metric_add(set, &connection_count,
		    (double)(counts->inbound[family] - from_listeners),
		    METRIC_LABELS(name, "inbound"));
		metric_add(set, &connection_count,
		    (double)(counts->outbound[family] + from_listeners),
		    METRIC_LABELS(name, "outbound"));
	}
	return 0;
}

const struct collector sockets_collector = {
    .name = "sockets",
    .help = "sockets by protocol, family and state; connections by direction",
    .cost = "What binds needs, and one walk over all TCP and all UDP sockets. It keeps 60 numbers.",
    .on_by_default = true,
    .needs = NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_TCP | NEEDS_UDP,
    .families = families,
    .state_size = sizeof(struct counts),
    .init = init,
    .reset = reset,
    .observe = observe,
    .emit = emit,
};
