// SPDX-License-Identifier: Apache-2.0
#include "collectors/pass.h"

#include <errno.h>
#include <time.h>

#include "collectors/kernel/clock.h"

static int observe_tcp(void *context, const struct socket *socket)
{
	struct pass *pass = context;

	pass->gathering->sockets++;
	instance_observe_tcp(&pass->gatherer->own, socket, pass->walks);
	return 0;
}

static int observe_udp(void *context, const struct socket *socket)
{
	struct pass *pass = context;

	pass->gathering->sockets++;
	instance_observe_udp(&pass->gatherer->own, socket);
	return 0;
}

static int observe_udp_chosen(void *context, const struct socket *socket)
{
	struct pass *pass = context;

	instance_observe_udp_chosen(&pass->gatherer->own, socket);
	return 0;
}

/* A socket says itself whether it belongs to those. */
static int observe_udp_both(void *context, const struct socket *socket)
{
	if (socket->is_chosen)
		observe_udp_chosen(context, socket);
	return observe_udp(context, socket);
}

int pass_batch(void *context)
{
	struct pass *pass = context;

	if (!pass->should_stop || !pass->should_stop(pass->context))
		return 0;
	pass->stopped = true;
	return -ECANCELED;
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
	const struct source_observer observer = {observer_of(listing), pass_batch, pass};
	const struct timespec start = clock_now();

	if (!instance_needs(&pass->gatherer->own, needs))
		return 0;

	const int result = source_list(pass->gatherer->source, listing, &observer);

	pass->gathering->listed[listing] = true;
	pass->gathering->listing_seconds[listing] += clock_seconds_since(&start);
	if (result == -EINTR || pass->stopped)
		return result;
	/* What the source cannot tell is published as such (ephemera_kernel_feature). */
	if (result < 0 && result != -EOPNOTSUPP)
		instance_fail(&pass->gatherer->own, needs, result);
	return 0;
}

static int list_chosen(struct pass *pass)
{
	struct gatherer *gatherer = pass->gatherer;
	const struct timespec start = clock_now();

	if (!instance_needs(&pass->gatherer->own, NEEDS_CHOSEN))
		return 0;

	gatherer->chosen.range = gatherer->own.facts.settings.range;

	const int result = holders_list_chosen(&gatherer->own.facts.holders, &gatherer->chosen,
	    gatherer->source, pass_batch, pass, gatherer->options.refresh_sockets,
	    gatherer->options.refresh_seconds);

	pass->gathering->listed[LISTING_TCP_CHOSEN] = true;
	pass->gathering->listing_seconds[LISTING_TCP_CHOSEN] += clock_seconds_since(&start);
	if (result == -EINTR || pass->stopped)
		return result;
	if (result < 0)
		instance_fail(&pass->gatherer->own, NEEDS_CHOSEN, result);
	else if (gatherer->own.facts.holders.sees_buckets)
		pass->gathering->features |= FEATURE_BIND_BEFORE_CONNECT;
	if (gatherer->own.facts.holders.stamps)
		pass->gathering->features |= FEATURE_TIME_WAIT_REUSE;
	return 0;
}

static void begin(struct pass *pass)
{
	struct gathering *gathering = pass->gathering;
	struct settings settings;

	gathering->sockets = 0;
	gathering->features = 0;
	gathering->settings_file = NULL;

	const int result =
	    settings_read(pass->gatherer->options.procfs, &settings, &gathering->settings_file);

	settings.node_ports = pass->gatherer->options.node_ports;
	instance_begin(
	    &pass->gatherer->own, gathering->asked, result < 0 ? NULL : &settings, result);
}

int pass_list_udp(struct pass *pass)
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
	holders_take_held(&gatherer->own.facts.holders, source_held(gatherer->source));
	if (instance_needs(&pass->gatherer->own, NEEDS_CHOSEN))
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
	if (instance_needs(&pass->gatherer->own, NEEDS_TCP))
		result = list(pass, LISTING_TCP, NEEDS_BINDS | NEEDS_TCP);
	else
		result = list(pass, LISTING_TCP_BOUND, NEEDS_BINDS);
	if (result == 0 && pass->gathering->listed[LISTING_TCP])
		gatherer->chosen.sockets = pass->gathering->sockets - before;
	return result;
}

/* Facts first, then everything else: the binds decide what a connection is. */
static int list_own(struct pass *pass)
{
	int result = list(pass, LISTING_TCP_LISTEN, NEEDS_LISTEN | NEEDS_BINDS);

	if (result == 0)
		result = pass->walks ? walk_tcp(pass) : dump_tcp(pass);
	if (result < 0)
		return result;
	instance_finish_facts(&pass->gatherer->own);
	return pass_list_udp(pass);
}

int pass_run(struct pass *pass)
{
	begin(pass);
	pass->walks = source_walks(pass->gatherer->source);
	/* Without any collector the surveys are all that is wanted. */
	pass->all = pass->walks && pass->gatherer->namespaces &&
		    (pass->gatherer->options.length == 0 ||
			instance_needs(&pass->gatherer->own, ~(unsigned)NEEDS_SETTINGS));
	return pass->all ? pass_list_all(pass) : list_own(pass);
}
