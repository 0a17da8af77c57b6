// SPDX-License-Identifier: Apache-2.0
/* Listeners' queues of connections that wait for accept(). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/collector.h"
#include "collectors/kernel/mib.h"

static const struct metric_family queue_sockets = {
    .name = "ephemera_accept_queue_sockets",
    .help = "Connections that wait for accept(), for the listeners with the fullest queues, up "
	    "to --collector.accept_queue.limit. Listeners that share a port are summed.",
    .type = METRIC_GAUGE,
    .labels = {"address", "port"},
    .example = "topk(10, ephemera_accept_queue_sockets)",
};
static const struct metric_family queue_limit = {
    .name = "ephemera_accept_queue_limit_sockets",
    .help = "Limit of that queue: the smaller of listen()'s backlog and somaxconn. A queue is "
	    "full when it holds one more than its limit.",
    .type = METRIC_GAUGE,
    .labels = {"address", "port"},
    .example = "ephemera_accept_queue_sockets / ephemera_accept_queue_limit_sockets > 0.5",
};
static const struct metric_family worst_ratio = {
    .name = "ephemera_worst_accept_queue_usage_ratio",
    .help = "How full the fullest single queue is; at 1 the next connection is dropped. Then the "
	    "program does not accept() fast enough, or its backlog is too small.",
    .type = METRIC_GAUGE,
    .example = "max_over_time(ephemera_worst_accept_queue_usage_ratio[1h]) > 0.8",
};
static const struct metric_family overflows = {
    .name = "ephemera_listen_overflows_total",
    .help = "Connections that found a full accept queue (TcpExt ListenOverflows).",
    .type = METRIC_COUNTER,
    .example = "increase(ephemera_listen_overflows_total[1h]) > 0",
};
static const struct metric_family drops = {
    .name = "ephemera_listen_drops_total",
    .help = "Connections that a listener dropped, for any reason (TcpExt ListenDrops).",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_listen_drops_total[5m]) - rate(ephemera_listen_overflows_total[5m]) "
	       "> 0",
};

static const struct metric_family *const families[] = {
    &queue_sockets,
    &queue_limit,
    &worst_ratio,
    &overflows,
    &drops,
    NULL,
};

enum { FLAG_LIMIT };

/* More listening sockets than this on one host fail the collector, not its neighbours. */
#define LISTENERS_MAX 65536u

struct listener {
	uint64_t queue;
	uint64_t limit;
	uint64_t sockets; /* that listen on this address and port */
	uint16_t port;
	enum socket_family family;
	uint32_t interface; /* that it is bound to; 0: none */
	struct socket_address address;
};

struct accept_queue {
	const char *procfs;
	size_t shown;
	bool limits_known;
	double worst;
	struct listener *listeners;
	size_t length;
	size_t capacity;
};

static int init(void *context, const struct collector_config *config)
{
	struct accept_queue *state = context;

	state->procfs = config->procfs;
	state->shown = config->values[FLAG_LIMIT];
	return 0;
}

static void release(void *context)
{
	free(((struct accept_queue *)context)->listeners);
}

static void reset(void *context)
{
	struct accept_queue *state = context;

	free(state->listeners);
	state->listeners = NULL;
	state->length = state->capacity = 0;
	state->worst = 0;
	state->limits_known = true;
}

/*
 * sk_acceptq_is_full() in include/net/sock.h: full when the queue is longer than the limit,
 * so it takes one more than the limit says.
 */
static double fill(uint64_t queue, uint64_t limit, uint64_t sockets)
{
	return (double)queue / (double)(limit + sockets);
}

static int reserve(struct accept_queue *state)
{
	if (state->length < state->capacity)
		return 0;
	if (state->length == LISTENERS_MAX)
		return -E2BIG;

	const size_t capacity = state->capacity ? state->capacity * 2 : 64;
	struct listener *larger =
	    reallocarray(state->listeners, capacity, sizeof(*state->listeners));

	if (!larger)
		return -ENOMEM;
	state->listeners = larger;
	state->capacity = capacity;
	return 0;
}

static int observe(void *context, const struct socket *socket)
{
	struct accept_queue *state = context;

	if (socket->state != SOCKET_LISTEN)
		return 0;

	const int result = reserve(state);

	if (result < 0)
		return result;

	if (socket->queue_limit == SOCKET_QUEUE_LIMIT_UNKNOWN)
		state->limits_known = false;

	const double full = fill(socket->queue, socket->queue_limit, 1);

	if (full > state->worst)
		state->worst = full;
	state->listeners[state->length++] = (struct listener){
	    .queue = socket->queue,
	    .limit = socket->queue_limit,
	    .sockets = 1,
	    .port = socket->local_port,
	    .family = socket->family,
	    .interface = socket->interface,
	    .address = socket->local,
	};
	return 0;
}

static int compare_place(const void *first, const void *second)
{
	const struct listener *a = first;
	const struct listener *b = second;

	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->interface != b->interface)
		return a->interface < b->interface ? -1 : 1;
	return memcmp(&a->address, &b->address, sizeof(a->address));
}

static int compare_fill(const void *first, const void *second)
{
	const struct listener *a = first;
	const struct listener *b = second;
	const double fill_a = fill(a->queue, a->limit, a->sockets);
	const double fill_b = fill(b->queue, b->limit, b->sockets);

	if (fill_a != fill_b)
		return fill_a > fill_b ? -1 : 1;
	return compare_place(a, b);
}

/* Makes one of the listeners that share an address and a port (SO_REUSEPORT). */
static void merge(struct accept_queue *state)
{
	size_t merged = 0;

	if (state->length == 0)
		return;
	qsort(state->listeners, state->length, sizeof(*state->listeners), compare_place);
	for (size_t i = 1; i < state->length; i++) {
		struct listener *last = &state->listeners[merged];

		if (compare_place(last, &state->listeners[i]) == 0) {
			last->queue += state->listeners[i].queue;
			last->limit += state->listeners[i].limit;
			last->sockets += state->listeners[i].sockets;
		} else {
			state->listeners[++merged] = state->listeners[i];
		}
	}
	state->length = merged + 1;
	qsort(state->listeners, state->length, sizeof(*state->listeners), compare_fill);
}

static void emit_listener(struct metric_set *set, const struct listener *listener, bool with_limit)
{
	char address[SOCKET_ADDRESS_TEXT];
	char port[8];

	socket_bound_format(&listener->address, listener->family, listener->interface, address);
	snprintf(port, sizeof(port), "%u", listener->port);
	metric_add(set, &queue_sockets, (double)listener->queue, METRIC_LABELS(address, port));
	if (with_limit)
		metric_add(
		    set, &queue_limit, (double)listener->limit, METRIC_LABELS(address, port));
}

static int emit(void *context, struct metric_set *set)
{
	struct accept_queue *state = context;
	struct mib_counter counters[] = {
	    {.group = "TcpExt", .name = "ListenOverflows"},
	    {.group = "TcpExt", .name = "ListenDrops"},
	};
	const int result = mib_read(state->procfs, "netstat", counters, 2);

	if (result < 0)
		return result;
	merge(state);
	for (size_t i = 0; i < state->length && i < state->shown; i++)
		emit_listener(set, &state->listeners[i], state->limits_known);
	if (state->limits_known)
		metric_add(set, &worst_ratio, state->worst, METRIC_NO_LABELS);
	if (counters[0].found)
		metric_add(set, &overflows, (double)counters[0].value, METRIC_NO_LABELS);
	if (counters[1].found)
		metric_add(set, &drops, (double)counters[1].value, METRIC_NO_LABELS);
	return 0;
}

static const struct collector_flag flags[] = {
    [FLAG_LIMIT] = {"limit", "how many of the fullest queues are shown", 10, 0, 1000},
    {.name = NULL},
};

const struct collector accept_queue_collector = {
    .name = "accept_queue",
    .help = "listeners' accept queues, their limits and overflows",
    .cost = "The listing of listeners, which walks no table, and /proc/net/netstat. 56 bytes for "
	    "each listening socket while a scrape runs; with more than 65,536 of them it fails.",
    .on_by_default = true,
    .needs = NEEDS_LISTEN,
    .families = families,
    .flags = flags,
    .state_size = sizeof(struct accept_queue),
    .init = init,
    .reset = reset,
    .observe = observe,
    .emit = emit,
    .release = release,
};
