// SPDX-License-Identifier: Apache-2.0
#include "collectors/pass.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/clock.h"

static size_t length_of(const struct pass *pass)
{
	return pass->gatherer->options.length;
}

static const struct collector *collector_at(const struct pass *pass, size_t i)
{
	return pass->gatherer->options.collectors[i];
}

static void hand_to(const struct observers *observers, const struct socket *socket)
{
	for (size_t i = 0; i < observers->length; i++) {
		if (*observers->list[i].error < 0)
			continue;

		const int result = observers->list[i].observe(observers->list[i].state, socket);

		if (result < 0)
			*observers->list[i].error = result;
	}
}

static void finish_facts(struct pass *pass)
{
	facts_finish(&pass->gatherer->facts);
	pass->finished = true;
}

static int observe_tcp(void *context, const struct socket *socket)
{
	struct pass *pass = context;

	pass->gathering->sockets++;
	if (socket->state == SOCKET_LISTEN || socket->state == SOCKET_BOUND) {
		holders_note_bind(&pass->gatherer->facts.holders, socket);
		hand_to(&pass->binds, socket);
		return 0;
	}
	if (!pass->finished)
		finish_facts(pass);
	if (pass->walks)
		holders_note_connected(
		    &pass->gatherer->facts.holders, pass->gatherer->facts.settings.range, socket);
	hand_to(&pass->connected, socket);
	return 0;
}

static int observe_udp(void *context, const struct socket *socket)
{
	struct pass *pass = context;

	pass->gathering->sockets++;
	hand_to(&pass->udp, socket);
	return 0;
}

/* They come again among all UDP sockets, and are counted there. */
static int observe_udp_chosen(void *context, const struct socket *socket)
{
	struct pass *pass = context;

	hand_to(&pass->udp_chosen, socket);
	return 0;
}

/* A socket says itself whether it belongs to those. */
static int observe_udp_both(void *context, const struct socket *socket)
{
	struct pass *pass = context;

	if (socket->is_chosen)
		hand_to(&pass->udp_chosen, socket);
	return observe_udp(context, socket);
}

static int batch(void *context)
{
	struct pass *pass = context;

	if (!pass->should_stop || !pass->should_stop(pass->context))
		return 0;
	pass->stopped = true;
	return -ECANCELED;
}

void pass_fail(struct pass *pass, unsigned needs, int error)
{
	for (size_t i = 0; i < length_of(pass); i++) {
		int *outcome = &pass->gathering->outcomes[i].error;

		if (pass_has(pass->gathering->asked, i) && collector_at(pass, i)->needs & needs &&
		    *outcome == 0)
			*outcome = error;
	}
}

static bool anyone_needs(const struct pass *pass, unsigned needs)
{
	for (size_t i = 0; i < length_of(pass); i++)
		if (pass_has(pass->gathering->asked, i) && collector_at(pass, i)->needs & needs &&
		    pass->gathering->outcomes[i].error == 0)
			return true;
	return false;
}

static int (*observer_of(enum listing listing))(void *context, const struct socket *socket)
{
	switch (listing) {
	case LISTING_UDP4_CHOSEN:
	case LISTING_UDP6_CHOSEN:
		return observe_udp_chosen;
	case LISTING_UDP4:
	case LISTING_UDP6:
		return observe_udp;
	case LISTING_UDP:
		return observe_udp_both;
	default:
		return observe_tcp;
	}
}

/* Returns 0 where the listing was made or failed for good, -EINTR and -ECANCELED else. */
static int list(struct pass *pass, enum listing listing, unsigned needs)
{
	const struct source_observer observer = {observer_of(listing), batch, pass};
	const struct timespec start = clock_now();

	if (!anyone_needs(pass, needs))
		return 0;

	const int result = source_list(pass->gatherer->source, listing, &observer);

	pass->gathering->listed[listing] = true;
	pass->gathering->listing_seconds[listing] += clock_seconds_since(&start);
	if (result == -EINTR || pass->stopped)
		return result;
	/* What the source cannot tell is published as such (ephemera_kernel_feature). */
	if (result < 0 && result != -EOPNOTSUPP)
		pass_fail(pass, needs, result);
	return 0;
}

static int list_chosen(struct pass *pass)
{
	struct gatherer *gatherer = pass->gatherer;
	const struct timespec start = clock_now();

	if (!anyone_needs(pass, NEEDS_CHOSEN))
		return 0;

	gatherer->chosen.range = gatherer->facts.settings.range;

	const int result =
	    holders_list_chosen(&gatherer->facts.holders, &gatherer->chosen, gatherer->source,
		batch, pass, gatherer->options.refresh_sockets, gatherer->options.refresh_seconds);

	pass->gathering->listed[LISTING_TCP_CHOSEN] = true;
	pass->gathering->listing_seconds[LISTING_TCP_CHOSEN] += clock_seconds_since(&start);
	if (result == -EINTR || pass->stopped)
		return result;
	if (result < 0)
		pass_fail(pass, NEEDS_CHOSEN, result);
	else if (gatherer->facts.holders.sees_buckets)
		pass->gathering->features |= FEATURE_BIND_BEFORE_CONNECT;
	if (gatherer->facts.holders.stamps)
		pass->gathering->features |= FEATURE_TIME_WAIT_REUSE;
	return 0;
}

static void add_observer(struct observers *observers,
    int (*observe)(void *state, const struct socket *socket), void *state, int *error)
{
	observers->list[observers->length].observe = observe;
	observers->list[observers->length].state = state;
	observers->list[observers->length].error = error;
	observers->length++;
}

static void add_observers(struct pass *pass, size_t i)
{
	const struct collector *collector = collector_at(pass, i);
	void *state = pass->gatherer->states[i];
	int *error = &pass->gathering->outcomes[i].error;

	if (!collector->observe)
		return;
	if (collector->needs & (NEEDS_LISTEN | NEEDS_BINDS))
		add_observer(&pass->binds, collector->observe, state, error);
	if (collector->needs & NEEDS_TCP)
		add_observer(&pass->connected, collector->observe, state, error);
	if (collector->needs & NEEDS_UDP)
		add_observer(&pass->udp, collector->observe, state, error);
	if (collector->needs & NEEDS_UDP_CHOSEN)
		add_observer(&pass->udp_chosen,
		    collector->observe_chosen ? collector->observe_chosen : collector->observe,
		    state, error);
}

static int begin_one(struct pass *pass, size_t i)
{
	const struct collector *collector = collector_at(pass, i);
	void *state = pass->gatherer->states[i];

	if (collector->reset)
		collector->reset(state);
	return collector->begin ? collector->begin(state) : 0;
}

static void begin(struct pass *pass)
{
	struct gathering *gathering = pass->gathering;
	struct facts *facts = &pass->gatherer->facts;

	pass->finished = false;
	pass->binds.length = pass->connected.length = pass->udp.length = 0;
	pass->udp_chosen.length = 0;
	gathering->sockets = 0;
	gathering->features = 0;
	gathering->settings_file = NULL;
	memset(facts, 0, sizeof(*facts));

	const int result = settings_read(
	    pass->gatherer->options.procfs, &facts->settings, &gathering->settings_file);

	facts->settings.node_ports = pass->gatherer->options.node_ports;
	if (result < 0)
		pass_fail(pass, NEEDS_SETTINGS, result);
	for (size_t i = 0; i < length_of(pass); i++) {
		struct collector_outcome *outcome = &gathering->outcomes[i];
		const struct timespec start = clock_now();

		if (!pass_has(gathering->asked, i) || outcome->error < 0)
			continue;
		outcome->error = begin_one(pass, i);
		outcome->seconds += clock_seconds_since(&start);
		if (outcome->error == 0)
			add_observers(pass, i);
	}
}

static int list_udp(struct pass *pass)
{
	int result;

	if (source_walks_udp(pass->gatherer->source))
		return list(pass, LISTING_UDP, NEEDS_UDP | NEEDS_UDP_CHOSEN);
	result = list(pass, LISTING_UDP4_CHOSEN, NEEDS_UDP_CHOSEN);
	if (result == 0)
		result = list(pass, LISTING_UDP6_CHOSEN, NEEDS_UDP_CHOSEN);
	if (result == 0)
		result = list(pass, LISTING_UDP4, NEEDS_UDP);
	if (result == 0)
		result = list(pass, LISTING_UDP6, NEEDS_UDP);
	return result;
}

/* What a walk tells of the ports that bind() holds needs no listing of its own. */
static int walk_tcp(struct pass *pass)
{
	struct gatherer *gatherer = pass->gatherer;
	const unsigned needs = NEEDS_BINDS | NEEDS_CHOSEN;
	const int result = list(pass, LISTING_TCP_BOUND, needs | NEEDS_TCP);

	if (result < 0)
		return result;
	holders_take_held(&gatherer->facts.holders, source_held(gatherer->source));
	if (anyone_needs(pass, NEEDS_CHOSEN))
		pass->gathering->features |= FEATURE_BIND_BEFORE_CONNECT | FEATURE_TIME_WAIT_REUSE;
	return list(pass, LISTING_TCP_CONNECTED, NEEDS_CHOSEN | NEEDS_TCP);
}

static int dump_tcp(struct pass *pass)
{
	struct gatherer *gatherer = pass->gatherer;
	unsigned long before;
	int result = list_chosen(pass);

	if (result < 0)
		return result;
	before = pass->gathering->sockets;
	if (anyone_needs(pass, NEEDS_TCP))
		result = list(pass, LISTING_TCP, NEEDS_BINDS | NEEDS_TCP);
	else
		result = list(pass, LISTING_TCP_BOUND, NEEDS_BINDS);
	if (result == 0 && pass->gathering->listed[LISTING_TCP])
		gatherer->chosen.sockets = pass->gathering->sockets - before;
	return result;
}

/* Facts first, then everything else: the binds decide what a connection is. */
int pass_run(struct pass *pass)
{
	int result;

	begin(pass);
	pass->walks = source_walks(pass->gatherer->source);
	result = list(pass, LISTING_TCP_LISTEN, NEEDS_LISTEN | NEEDS_BINDS);
	if (result == 0)
		result = pass->walks ? walk_tcp(pass) : dump_tcp(pass);
	if (result < 0)
		return result;
	finish_facts(pass);
	return list_udp(pass);
}
