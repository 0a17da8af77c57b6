// SPDX-License-Identifier: Apache-2.0
#include "collectors/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/clock.h"
#include "collectors/pass.h"

/* How often a walk is begun again where the kernel says that it was inconsistent. */
#define ATTEMPTS 3

/* Returns 0 or -errno; what it made is in the gatherer in any case. */
static int make_collector(struct gatherer *gatherer, size_t i)
{
	const struct gatherer_options *options = &gatherer->options;
	const struct collector *collector = options->collectors[i];
	const struct collector_config config = {
	    .values = options->values ? options->values[i] : NULL,
	    .procfs = options->procfs,
	    .sysfs = options->sysfs,
	    .facts = &gatherer->facts,
	};

	gatherer->states[i] = calloc(1, collector->state_size);
	if (!gatherer->states[i])
		return -ENOMEM;
	return collector->init ? collector->init(gatherer->states[i], &config) : 0;
}

static void free_collectors(struct gatherer *gatherer)
{
	for (size_t i = 0; i < gatherer->options.length; i++) {
		if (gatherer->states[i] && gatherer->options.collectors[i]->release)
			gatherer->options.collectors[i]->release(gatherer->states[i]);
		free(gatherer->states[i]);
	}
}

int gatherer_new(
    const struct gatherer_options *options, struct source *source, struct gatherer **ret_gatherer)
{
	struct gatherer *gatherer = calloc(1, sizeof(*gatherer));

	if (!gatherer)
		return -ENOMEM;
	gatherer->options = *options;
	for (size_t i = 0; i < options->length; i++) {
		const int result = pass_has(options->enabled, i) ? make_collector(gatherer, i) : 0;

		if (result < 0) {
			free_collectors(gatherer);
			free(gatherer);
			return result;
		}
	}
	gatherer->chosen.buckets = options->bind_buckets;
	gatherer->source = source;
	*ret_gatherer = gatherer;
	return 0;
}

int gatherer_open(const struct gatherer_options *options,
    const struct source_options *source_options, struct gatherer **ret_gatherer)
{
	struct source *source;
	int result = source_open(source_options, &source);

	if (result < 0)
		return result;
	result = gatherer_new(options, source, ret_gatherer);
	if (result < 0)
		source_close(source);
	return result;
}

void gatherer_free(struct gatherer *gatherer)
{
	if (!gatherer)
		return;
	free_collectors(gatherer);
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

/* Adds what the collector at i found to set, or leaves set as it was. Returns 0 or -errno. */
static int emit_one(const struct gatherer *gatherer, size_t i, struct metric_set *set)
{
	const struct collector *collector = gatherer->options.collectors[i];
	void *state = gatherer->states[i];
	int result = collector->finish ? collector->finish(state) : 0;

	if (result < 0 || !collector->emit)
		return result;

	const size_t mark = metric_set_mark(set);

	result = collector->emit(state, set);
	if (result == 0)
		result = metric_set_error(set);
	if (result < 0)
		metric_set_roll_back(set, mark);
	return result;
}

static void emit(struct pass *pass, struct metric_set *set)
{
	const struct gatherer *gatherer = pass->gatherer;

	for (size_t i = 0; i < gatherer->options.length; i++) {
		struct collector_outcome *outcome = &pass->gathering->outcomes[i];
		const struct collector *collector = gatherer->options.collectors[i];
		const struct timespec start = clock_now();

		if (!pass_has(pass->gathering->asked, i) || outcome->error < 0)
			continue;
		outcome->error = emit_one(gatherer, i, set);
		if (outcome->error == 0 && collector->features)
			pass->gathering->features |= collector->features(gatherer->states[i]);
		outcome->seconds += clock_seconds_since(&start);
	}
}

static void tell_reasons(struct pass *pass)
{
	for (size_t i = 0; i < pass->gatherer->options.length; i++) {
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
	for (size_t i = 0; i < pass->gatherer->options.length; i++) {
		struct collector_outcome *outcome = &pass->gathering->outcomes[i];

		outcome->absent =
		    outcome->error == -EOPNOTSUPP && !pass_has(pass->gatherer->options.wanted, i);
		if (outcome->absent)
			outcome->error = 0;
	}
}

/* Or its tables would stay until the next scrape. */
static void reset(const struct pass *pass)
{
	const struct gatherer *gatherer = pass->gatherer;

	for (size_t i = 0; i < gatherer->options.length; i++)
		if (pass_has(pass->gathering->asked, i) && gatherer->options.collectors[i]->reset)
			gatherer->options.collectors[i]->reset(gatherer->states[i]);
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
		result = pass_run(&pass);
	}
	if (pass.stopped) {
		reset(&pass);
		return -ECANCELED;
	}
	if (result < 0)
		pass_fail(&pass, ~(unsigned)NEEDS_SETTINGS, result);
	emit(&pass, set);
	tell_reasons(&pass);
	excuse_absent(&pass);
	reset(&pass);
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
