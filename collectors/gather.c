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

int gatherer_new(
    const struct gatherer_options *options, struct source *source, struct gatherer **ret_gatherer)
{
	struct gatherer *gatherer = calloc(1, sizeof(*gatherer));

	if (!gatherer)
		return -ENOMEM;
	gatherer->options = *options;
	gatherer->options.addresses = options->namespaces ? &gatherer->addresses : NULL;
	gatherer->cgroups = cgroups_new(options->sysfs);
	gatherer->pods = pods_new(options->pods);

	int result = -ENOMEM;

	if (gatherer->cgroups && gatherer->pods)
		result = instance_init(
		    &gatherer->own, &gatherer->options, gatherer->cgroups, gatherer->pods);
	if (result == 0 && options->namespaces) {
		gatherer->namespaces =
		    namespaces_new(&gatherer->options, gatherer->cgroups, gatherer->pods);
		result = gatherer->namespaces ? 0 : -ENOMEM;
		gatherer->addresses =
		    (struct address_owners){namespaces_find_owner, gatherer->namespaces};
	}
	if (result < 0) {
		gatherer_free(gatherer);
		return result;
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
	namespaces_free(gatherer->namespaces);
	instance_release(&gatherer->own);
	cgroups_free(gatherer->cgroups);
	pods_free(gatherer->pods);
	source_close(gatherer->source);
	free(gatherer);
}

void *gatherer_state(const struct gatherer *gatherer, size_t i)
{
	return gatherer->own.states[i];
}

void gatherer_ask(struct gatherer *gatherer, struct netns_asked *list, size_t length)
{
	if (gatherer->namespaces)
		namespaces_ask(gatherer->namespaces, list, length);
}

struct namespaces *gatherer_namespaces(const struct gatherer *gatherer)
{
	return gatherer->namespaces;
}

int gatherer_check(const struct gatherer *gatherer, size_t i, const char **ret_reason)
{
	return instance_check(&gatherer->own, i, ret_reason);
}

const char *gatherer_lacks(const struct gatherer *gatherer, size_t i)
{
	return instance_lacks(&gatherer->own, i);
}

const char *gatherer_remark(const struct gatherer *gatherer, size_t i)
{
	return instance_remark(&gatherer->own, i);
}

int gatherer_view(struct gatherer *gatherer, unsigned *ret_parts)
{
	if (!gatherer->namespaces || !source_walks(gatherer->source))
		return -EOPNOTSUPP;
	return namespaces_view(gatherer->namespaces, gatherer->source, ret_parts);
}

const struct source *gatherer_source(const struct gatherer *gatherer)
{
	return gatherer->source;
}

struct cgroups *gatherer_cgroups(const struct gatherer *gatherer)
{
	return gatherer->cgroups;
}

struct pods *gatherer_pods(const struct gatherer *gatherer)
{
	return gatherer->pods;
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

		outcome->absent = outcome->error == -EOPNOTSUPP &&
				  !collector_set_has(pass->gatherer->options.wanted, i);
		if (outcome->absent)
			outcome->error = 0;
	}
}

static int run_pass(struct pass *pass)
{
	int result = -EINTR;

	for (int attempt = 0; attempt < ATTEMPTS && result == -EINTR; attempt++)
		result = pass_run(pass);
	return result;
}

/*
 * Of all network namespaces, the fullest are shown: the first look finds out which they are. It
 * also finds out which is a pod's.
 */
static int run(struct pass *pass)
{
	struct namespaces *namespaces = pass->gatherer->namespaces;
	int result = run_pass(pass);

	if (result == 0 && pass->all)
		result = namespaces_finish(namespaces);
	if (result == 0 && pass->all &&
	    (namespaces_chose_blindly(namespaces) || netns_views_lack(namespaces))) {
		result = run_pass(pass);
		if (result == 0 && pass->all)
			result = namespaces_finish(namespaces);
	}
	return result;
}

static void reset(struct pass *pass)
{
	instance_reset(&pass->gatherer->own);
	if (pass->gatherer->namespaces)
		namespaces_reset(pass->gatherer->namespaces);
}

static void emit(struct pass *pass, struct metric_set *set)
{
	struct gatherer *gatherer = pass->gatherer;
	struct gathering *gathering = pass->gathering;

	gathering->features |= instance_emit(&gatherer->own, set);
	if (pass->all)
		netns_views_finish(gatherer->namespaces);
	if (pass->all && set)
		namespaces_emit(gatherer->namespaces, &gatherer->own, set);
	memcpy(gathering->outcomes, gatherer->own.outcomes, sizeof(gathering->outcomes));
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

	cgroups_forget_old(gatherer->cgroups);
	pods_begin(gatherer->pods);

	const int result = run(&pass);

	if (pass.stopped) {
		reset(&pass);
		gatherer_ask(gatherer, NULL, 0);
		return -ECANCELED;
	}
	if (result < 0) {
		instance_fail(&gatherer->own, ~(unsigned)NEEDS_SETTINGS, result);
		pass.all = false;
	}
	gathering.has_namespaces = pass.all;
	emit(&pass, set);
	gatherer_ask(gatherer, NULL, 0);
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
