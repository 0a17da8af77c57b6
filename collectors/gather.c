// SPDX-License-Identifier: Apache-2.0
#include "collectors/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/clock.h"

/* How often a walk is begun again where the kernel says that it was inconsistent. */
#define ATTEMPTS 3

struct gatherer {
	struct gatherer_options options;
	void *states[COLLECTORS_MAX];
	struct source *source;
	struct chosen_ports chosen;
	struct facts facts;
};

struct observers {
	size_t length;
	struct {
		int (*observe)(void *state, const struct socket *socket);
		void *state;
		int *error;
	} list[COLLECTORS_MAX];
};

/* One gathering in progress. */
struct pass {
	struct gatherer *gatherer;
	struct gathering *gathering;
	bool (*should_stop)(void *context);
	void *context;
	bool stopped;
	bool finished;		    /* facts are complete: no more binds are expected */
	struct observers binds;	    /* who wants LISTEN and bound-only sockets */
	struct observers connected; /* who wants the other TCP sockets */
	struct observers udp;
	struct observers udp_chosen; /* who wants those whose port was chosen by number */
};

static bool has(collector_set set, size_t i)
{
	return set >> i & 1;
}

static void destroy_collectors(struct gatherer *gatherer)
{
	for (size_t i = 0; i < gatherer->options.length; i++)
		if (gatherer->states[i])
			gatherer->options.collectors[i]->destroy(gatherer->states[i]);
}

int gatherer_new(
    const struct gatherer_options *options, struct source *source, struct gatherer **ret_gatherer)
{
	struct gatherer *gatherer = calloc(1, sizeof(*gatherer));

	if (!gatherer)
		return -ENOMEM;
	gatherer->options = *options;
	for (size_t i = 0; i < options->length; i++) {
		const struct collector_config config = {
		    .values = options->values ? options->values[i] : NULL,
		    .procfs = options->procfs,
		    .sysfs = options->sysfs,
		};

		if (!has(options->enabled, i))
			continue;

		const int result = options->collectors[i]->create(&config, &gatherer->states[i]);

		if (result < 0) {
			destroy_collectors(gatherer);
			free(gatherer);
			return result;
		}
	}
	gatherer->chosen.buckets = options->bind_buckets;
	gatherer->source = source;
	*ret_gatherer = gatherer;
	return 0;
}

void gatherer_free(struct gatherer *gatherer)
{
	if (!gatherer)
		return;
	destroy_collectors(gatherer);
	source_close(gatherer->source);
	free(gatherer);
}

void *gatherer_state(const struct gatherer *gatherer, size_t i)
{
	return gatherer->states[i];
}

int gatherer_check(const struct gatherer *gatherer, size_t i, const char **ret_reason)
{
	const struct collector *collector = gatherer->options.collectors[i];

	if (!gatherer->states[i] || !collector->check)
		return 0;
	return collector->check(gatherer->states[i], ret_reason);
}

const struct source *gatherer_source(const struct gatherer *gatherer)
{
	return gatherer->source;
}

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

static int batch(void *context)
{
	struct pass *pass = context;

	if (!pass->should_stop || !pass->should_stop(pass->context))
		return 0;
	pass->stopped = true;
	return -ECANCELED;
}

/* Fails those of the asked collectors that need something which could not be had. */
static void fail_those_who_need(struct pass *pass, unsigned needs, int error)
{
	for (size_t i = 0; i < length_of(pass); i++) {
		int *outcome = &pass->gathering->outcomes[i].error;

		if (has(pass->gathering->asked, i) && collector_at(pass, i)->needs & needs &&
		    *outcome == 0)
			*outcome = error;
	}
}

static bool anyone_needs(const struct pass *pass, unsigned needs)
{
	for (size_t i = 0; i < length_of(pass); i++)
		if (has(pass->gathering->asked, i) && collector_at(pass, i)->needs & needs &&
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
		fail_those_who_need(pass, needs, result);
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
		fail_those_who_need(pass, NEEDS_CHOSEN, result);
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

static void begin(struct pass *pass)
{
	struct gathering *gathering = pass->gathering;

	pass->finished = false;
	pass->binds.length = pass->connected.length = pass->udp.length = 0;
	pass->udp_chosen.length = 0;
	gathering->sockets = 0;
	gathering->features = 0;
	gathering->settings_file = NULL;
	memset(&pass->gatherer->facts, 0, sizeof(pass->gatherer->facts));

	const int result = settings_read(pass->gatherer->options.procfs,
	    &pass->gatherer->facts.settings, &gathering->settings_file);

	pass->gatherer->facts.settings.node_ports = pass->gatherer->options.node_ports;
	if (result < 0)
		fail_those_who_need(pass, NEEDS_SETTINGS, result);
	for (size_t i = 0; i < length_of(pass); i++) {
		struct collector_outcome *outcome = &gathering->outcomes[i];
		const struct timespec start = clock_now();

		if (!has(gathering->asked, i) || outcome->error < 0)
			continue;
		outcome->error =
		    collector_at(pass, i)->begin(pass->gatherer->states[i], &pass->gatherer->facts);
		outcome->seconds += clock_seconds_since(&start);
		if (outcome->error == 0)
			add_observers(pass, i);
	}
}

/* Facts first, then everything else: the binds decide what a connection is. */
static int walk(struct pass *pass)
{
	struct gatherer *gatherer = pass->gatherer;
	int result;

	begin(pass);
	result = list(pass, LISTING_TCP_LISTEN, NEEDS_LISTEN | NEEDS_BINDS);
	if (result == 0)
		result = list_chosen(pass);
	if (result < 0)
		return result;

	const unsigned long before = pass->gathering->sockets;

	if (anyone_needs(pass, NEEDS_TCP))
		result = list(pass, LISTING_TCP, NEEDS_BINDS | NEEDS_TCP);
	else
		result = list(pass, LISTING_TCP_BOUND, NEEDS_BINDS);
	if (result == 0 && pass->gathering->listed[LISTING_TCP])
		gatherer->chosen.sockets = pass->gathering->sockets - before;
	finish_facts(pass);
	if (result == 0)
		result = list(pass, LISTING_UDP4_CHOSEN, NEEDS_UDP_CHOSEN);
	if (result == 0)
		result = list(pass, LISTING_UDP6_CHOSEN, NEEDS_UDP_CHOSEN);
	if (result == 0)
		result = list(pass, LISTING_UDP4, NEEDS_UDP);
	if (result == 0)
		result = list(pass, LISTING_UDP6, NEEDS_UDP);
	return result;
}

static void emit(struct pass *pass, struct metric_set *set)
{
	for (size_t i = 0; i < length_of(pass); i++) {
		struct collector_outcome *outcome = &pass->gathering->outcomes[i];
		const struct collector *collector = collector_at(pass, i);
		const size_t mark = metric_set_mark(set);
		const struct timespec start = clock_now();

		if (!has(pass->gathering->asked, i) || outcome->error < 0)
			continue;
		outcome->error = collector->emit(pass->gatherer->states[i], set);
		if (outcome->error == 0)
			outcome->error = metric_set_error(set);
		if (outcome->error < 0)
			metric_set_roll_back(set, mark);
		else if (collector->features)
			pass->gathering->features |= collector->features(pass->gatherer->states[i]);
		outcome->seconds += clock_seconds_since(&start);
	}
}

static void tell_reasons(struct pass *pass)
{
	for (size_t i = 0; i < length_of(pass); i++) {
		struct collector_outcome *outcome = &pass->gathering->outcomes[i];
		const char *reason = NULL;

		if (outcome->error < 0 &&
		    outcome->error == gatherer_check(pass->gatherer, i, &reason))
			outcome->reason = reason;
	}
}

/* What a host has nothing of fails only whoever was asked for by name. */
static void excuse_absent(struct pass *pass)
{
	for (size_t i = 0; i < length_of(pass); i++) {
		struct collector_outcome *outcome = &pass->gathering->outcomes[i];

		outcome->absent =
		    outcome->error == -EOPNOTSUPP && !has(pass->gatherer->options.wanted, i);
		if (outcome->absent)
			outcome->error = 0;
	}
}

/* An aborted or failed walk must not keep its tables until the next scrape. */
static void forget(struct pass *pass)
{
	for (size_t i = 0; i < length_of(pass); i++)
		if (has(pass->gathering->asked, i))
			(void)collector_at(pass, i)->begin(
			    pass->gatherer->states[i], &pass->gatherer->facts);
}

int gather(struct gatherer *gatherer, collector_set asked, bool (*should_stop)(void *context),
    void *context, struct metric_set *set, struct gathering *ret_gathering)
{
	struct gathering gathering = {.asked = asked & gatherer->options.enabled};
	struct pass pass = {.gatherer = gatherer,
	    .gathering = &gathering,
	    .should_stop = should_stop,
	    .context = context};
	const struct timespec start = clock_now();
	int result = -EINTR;

	for (int attempt = 0; attempt < ATTEMPTS && result == -EINTR; attempt++) {
		memset(gathering.outcomes, 0, sizeof(gathering.outcomes));
		result = walk(&pass);
	}
	if (pass.stopped) {
		forget(&pass);
		return -ECANCELED;
	}
	if (result < 0)
		fail_those_who_need(&pass, ~(unsigned)NEEDS_SETTINGS, result);
	emit(&pass, set);
	tell_reasons(&pass);
	excuse_absent(&pass);
	forget(&pass);
	gathering.seconds = clock_seconds_since(&start);
	*ret_gathering = gathering;
	return 0;
}

static int ignore_socket(void *context, const struct socket *socket)
{
	(void)context;
	(void)socket;
	return 0;
}

int gather_probe(const char *procfs, const struct source_options *options)
{
	const struct source_observer observer = {ignore_socket, NULL, NULL};
	struct source_options unrecorded = *options;
	struct settings *settings = malloc(sizeof(*settings));
	struct source *source = NULL;

	if (!settings)
		return -ENOMEM;
	unrecorded.record = NULL;

	int result = settings_read(procfs, settings, NULL);

	if (result == 0)
		result = source_open(&unrecorded, &source);
	if (result == 0)
		result = source_list(source, LISTING_TCP_LISTEN, &observer);
	source_close(source);
	free(settings);
	return result;
}
