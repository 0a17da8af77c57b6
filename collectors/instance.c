// SPDX-License-Identifier: Apache-2.0
#include "collectors/instance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/clock.h"

static const struct collector *collector_at(const struct instance *instance, size_t i)
{
	return instance->options->collectors[i];
}

static int make_collector(
    struct instance *instance, struct cgroups *cgroups, struct pods *pods, size_t i)
{
	const struct gatherer_options *options = instance->options;
	const struct collector *collector = collector_at(instance, i);
	const struct collector_config config = {
	    .values = options->values ? options->values[i] : NULL,
	    .procfs = options->procfs,
	    .cgroups = cgroups,
	    .pods = pods,
	    .facts = &instance->facts,
	    .peers = options->peers,
	    .lease_starts = options->lease_starts,
	    .failure_events = options->failure_events,
	    .all_namespaces = options->namespaces != NULL,
	    .ports = instance->ports,
	    .marks = options->marks,
	    .addresses = options->addresses,
	};

	instance->states[i] = calloc(1, collector->state_size);
	if (!instance->states[i])
		return -ENOMEM;
	return collector->init ? collector->init(instance->states[i], &config) : 0;
}

int instance_init(struct instance *instance, const struct gatherer_options *options,
    struct cgroups *cgroups, struct pods *pods)
{
	int result = 0;

	instance->options = options;
	for (size_t i = 0; i < options->length && result == 0; i++)
		if (collector_set_has(options->enabled, i))
			result = make_collector(instance, cgroups, pods, i);
	return result;
}

void instance_release(struct instance *instance)
{
	for (size_t i = 0; instance->options && i < instance->options->length; i++) {
		if (instance->states[i] && collector_at(instance, i)->release)
			collector_at(instance, i)->release(instance->states[i]);
		free(instance->states[i]);
	}
}

int instance_check(const struct instance *instance, size_t i, const char **ret_reason)
{
	const struct collector *collector = collector_at(instance, i);

	if (!instance->states[i] || !collector->check)
		return 0;
	return collector->check(instance->states[i], ret_reason);
}

const char *instance_lacks(const struct instance *instance, size_t i)
{
	const struct collector *collector = collector_at(instance, i);

	return instance->states[i] && collector->lacks ? collector->lacks(instance->states[i])
						       : NULL;
}

const char *instance_remark(const struct instance *instance, size_t i)
{
	const struct collector *collector = collector_at(instance, i);

	if (!instance->states[i] || !collector->remark)
		return NULL;
	return collector->remark(instance->states[i]);
}

static void add_observer(struct observers *observers,
    int (*observe)(void *state, const struct socket *socket), void *state, int *error)
{
	observers->list[observers->length].observe = observe;
	observers->list[observers->length].state = state;
	observers->list[observers->length].error = error;
	observers->length++;
}

static void add_observers(struct instance *instance, size_t i)
{
	const struct collector *collector = collector_at(instance, i);
	void *state = instance->states[i];
	int *error = &instance->outcomes[i].error;

	if (!collector->observe)
		return;
	if (collector->needs & (NEEDS_LISTEN | NEEDS_BINDS))
		add_observer(&instance->binds, collector->observe, state, error);
	if (collector->needs & NEEDS_TCP)
		add_observer(&instance->connected, collector->observe, state, error);
	if (collector->needs & NEEDS_UDP)
		add_observer(&instance->udp, collector->observe, state, error);
	if (collector->needs & NEEDS_UDP_CHOSEN)
		add_observer(&instance->udp_chosen,
		    collector->observe_chosen ? collector->observe_chosen : collector->observe,
		    state, error);
}

static int begin_one(struct instance *instance, size_t i)
{
	const struct collector *collector = collector_at(instance, i);
	void *state = instance->states[i];

	if (collector->reset)
		collector->reset(state);
	return collector->begin ? collector->begin(state) : 0;
}

static void begin_collectors(struct instance *instance)
{
	for (size_t i = 0; i < instance->options->length; i++) {
		struct collector_outcome *outcome = &instance->outcomes[i];
		const struct timespec start = clock_now();

		if (!collector_set_has(instance->asked, i) || outcome->error < 0)
			continue;
		outcome->error = begin_one(instance, i);
		outcome->seconds += clock_seconds_since(&start);
		if (outcome->error == 0)
			add_observers(instance, i);
	}
}

void instance_begin(
    struct instance *instance, collector_set asked, const struct settings *settings, int error)
{
	instance->asked = asked & instance->options->enabled;
	memset(instance->outcomes, 0, sizeof(instance->outcomes));
	instance->finished = false;
	instance->binds.length = instance->connected.length = instance->udp.length = 0;
	instance->udp_chosen.length = 0;
	memset(&instance->facts, 0, sizeof(instance->facts));
	if (settings)
		instance->facts.settings = *settings;
	else
		instance_fail(instance, NEEDS_SETTINGS, error);
	begin_collectors(instance);
}

void instance_fail(struct instance *instance, unsigned needs, int error)
{
	for (size_t i = 0; i < instance->options->length; i++) {
		int *outcome = &instance->outcomes[i].error;

		if (collector_set_has(instance->asked, i) &&
		    collector_at(instance, i)->needs & needs && *outcome == 0)
			*outcome = error;
	}
}

bool instance_needs(const struct instance *instance, unsigned needs)
{
	for (size_t i = 0; i < instance->options->length; i++)
		if (collector_set_has(instance->asked, i) &&
		    collector_at(instance, i)->needs & needs && instance->outcomes[i].error == 0)
			return true;
	return false;
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

void instance_finish_facts(struct instance *instance)
{
	if (!instance->finished)
		facts_finish(&instance->facts);
	instance->finished = true;
}

void instance_observe_tcp(struct instance *instance, const struct socket *socket, bool walks)
{
	struct facts *facts = &instance->facts;

	if (socket->state == SOCKET_LISTEN || socket->state == SOCKET_BOUND) {
		holders_note_bind(&facts->holders, socket);
		hand_to(&instance->binds, socket);
		return;
	}
	instance_finish_facts(instance);
	if (walks)
		holders_note_connected(&facts->holders, facts->settings.range, socket);
	hand_to(&instance->connected, socket);
}

void instance_observe_udp(struct instance *instance, const struct socket *socket)
{
	hand_to(&instance->udp, socket);
}

void instance_observe_udp_chosen(struct instance *instance, const struct socket *socket)
{
	hand_to(&instance->udp_chosen, socket);
}

/* Adds what the collector at i found to set, or leaves set as it was. Returns 0 or -errno. */
static int emit_one(const struct instance *instance, size_t i, struct metric_set *set)
{
	const struct collector *collector = collector_at(instance, i);
	void *state = instance->states[i];
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

unsigned instance_emit(struct instance *instance, struct metric_set *set)
{
	unsigned features = 0;

	for (size_t i = 0; i < instance->options->length; i++) {
		struct collector_outcome *outcome = &instance->outcomes[i];
		const struct collector *collector = collector_at(instance, i);
		const struct timespec start = clock_now();

		if (!collector_set_has(instance->asked, i) || outcome->error < 0)
			continue;
		outcome->error = emit_one(instance, i, set);
		if (outcome->error == 0 && collector->features)
			features |= collector->features(instance->states[i]);
		outcome->seconds += clock_seconds_since(&start);
	}
	return features;
}

void instance_reset(struct instance *instance)
{
	for (size_t i = 0; i < instance->options->length; i++)
		if (collector_set_has(instance->asked, i) && collector_at(instance, i)->reset)
			collector_at(instance, i)->reset(instance->states[i]);
}
