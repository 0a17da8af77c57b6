// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/summary.h"

#include <errno.h>
#include <string.h>

#include "collectors/kernel/procfs.h"
#include "collectors/tables/udp_services.h"

struct summing {
	const struct facts *facts;
	const char *procfs; /* NULL: of another network namespace */
	struct udp_services *services;
	struct portset used[SOCKET_PROTOCOLS];
	bool lacks_limits; /* a listener's limit is not known */
	bool found;
	struct summary next; /* of the walk in progress */
	struct summary last;
};

static int init(void *state, const struct collector_config *config)
{
	struct summing *summing = state;

	summing->facts = config->facts;
	summing->procfs = config->procfs;
	summing->services = udp_services_new();
	return summing->services ? 0 : -ENOMEM;
}

static void reset(void *state)
{
	struct summing *summing = state;

	memset(summing->used, 0, sizeof(summing->used));
	memset(&summing->next, 0, sizeof(summing->next));
	summing->lacks_limits = false;
	udp_services_begin(summing->services);
}

/*
 * sk_acceptq_is_full() in include/net/sock.h: full when the queue is longer than the limit, so it
 * takes one more than the limit says.
 */
double summary_queue_ratio(const struct socket *listener)
{
	return (double)listener->queue / ((double)listener->queue_limit + 1);
}

static bool is_fuller(const struct socket *a, const struct socket *b)
{
	const double ratio_a = summary_queue_ratio(a);
	const double ratio_b = summary_queue_ratio(b);

	return ratio_a != ratio_b ? ratio_a > ratio_b : a->local_port < b->local_port;
}

static void note_listener(struct summing *summing, const struct socket *socket)
{
	struct summary *next = &summing->next;

	if (!socket->tells_chosen || socket->is_chosen)
		portset_add(&next->at_risk, socket->local_port);
	if (socket->queue_limit == SOCKET_QUEUE_LIMIT_UNKNOWN)
		summing->lacks_limits = true;
	if (next->has_queue && !is_fuller(socket, &next->queue))
		return;
	next->has_queue = true;
	next->queue = *socket;
}

static int observe(void *state, const struct socket *socket)
{
	struct summing *summing = state;
	const bool tcp = socket->protocol == SOCKET_TCP;

	if (tcp && socket->state == SOCKET_LISTEN)
		note_listener(summing, socket);
	if (tcp && socket->state == SOCKET_TIME_WAIT)
		summing->next.time_wait++;
	/* A request has no port of its own yet: it is the listener's. */
	if (!tcp || socket->state != SOCKET_SYN_RECV)
		portset_add(&summing->used[socket->protocol], socket->local_port);
	return 0;
}

static int observe_chosen(void *state, const struct socket *socket)
{
	if (socket->protocol == SOCKET_UDP && socket->state == SOCKET_CLOSE)
		udp_services_note(((struct summing *)state)->services, socket);
	return 0;
}

static int finish(void *state)
{
	struct summing *summing = state;
	struct summary *next = &summing->next;
	const struct settings *settings = &summing->facts->settings;
	const int result = udp_services_finish_ports(summing->services, &next->at_risk);
	struct portset pool = {0};

	if (result < 0)
		return result;
	portset_add_range(&pool, settings->range);
	portset_remove(&pool, &settings->reserved);
	next->range = settings->range;
	next->pool = portset_count(&pool);
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++) {
		portset_keep(&summing->used[i], &pool);
		next->pool_used[i] = portset_count(&summing->used[i]);
	}
	portset_keep(&next->at_risk, &pool);
	if (summing->lacks_limits)
		next->has_queue = false;
	if (!summing->procfs || procfs_read_number(summing->procfs,
				    "sys/net/ipv4/tcp_max_tw_buckets", &next->time_wait_limit) < 0)
		next->time_wait_limit = SETTING_ABSENT;
	summing->last = *next;
	summing->found = true;
	return 0;
}

static void release(void *state)
{
	udp_services_free(((struct summing *)state)->services);
}

const struct collector summary_view = {
    .name = "summary",
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_UDP_CHOSEN | NEEDS_TCP | NEEDS_UDP,
    .state_size = sizeof(struct summing),
    .init = init,
    .reset = reset,
    .observe = observe,
    .observe_chosen = observe_chosen,
    .finish = finish,
    .release = release,
};

const struct summary *summary_found(const void *state)
{
	const struct summing *summing = state;

	return summing->found ? &summing->last : NULL;
}
