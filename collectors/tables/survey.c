// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of one namespace: the sum of all is bounded by the room. */
#define DESTINATIONS_MAX 100000000u

void survey_begin(struct survey *survey, const struct settings *settings)
{
	survey_release(survey);
	*survey = (struct survey){.settings = settings};
}

void survey_release(struct survey *survey)
{
	free(survey->held);
	destination_table_free(survey->table);
	survey->held = NULL;
	survey->table = NULL;
}

static int compare_ports(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Sorts them, and keeps each once. */
static void tidy(struct survey *survey)
{
	size_t kept = 0;

	if (survey->held_length == 0)
		return;
	qsort(survey->held, survey->held_length, sizeof(*survey->held), compare_ports);
	for (size_t i = 1; i < survey->held_length; i++)
		if (survey->held[i] != survey->held[kept])
			survey->held[++kept] = survey->held[i];
	survey->held_length = kept + 1;
}

static int make_room(struct survey *survey)
{
	size_t capacity = survey->held_capacity ? survey->held_capacity : 8;
	uint16_t *held;

	tidy(survey);
	if (survey->held_length * 2 > survey->held_capacity || !survey->held)
		capacity *= 2;
	held = reallocarray(survey->held, capacity, sizeof(*held));
	if (!held)
		return -ENOMEM;
	survey->held = held;
	survey->held_capacity = capacity;
	return 0;
}

int survey_hold(struct survey *survey, uint16_t port)
{
	/* Many sockets share a port, and often come one after the other. */
	if (survey->held_length && survey->held[survey->held_length - 1] == port)
		return 0;
	if (survey->held_length == survey->held_capacity && make_room(survey) < 0)
		return -ENOMEM;
	survey->held[survey->held_length++] = port;
	return 0;
}

static bool is_held(const struct survey *survey, uint16_t port)
{
	return survey->held_length && bsearch(&port, survey->held, survey->held_length,
					  sizeof(port), compare_ports) != NULL;
}

static bool is_in_range(const struct survey *survey, uint16_t port)
{
	const struct settings *settings = survey->settings;

	return port_range_has(settings->range, port) && !portset_has(&settings->reserved, port);
}

/* The same as facts_finish(), without a set. */
static void finish_held(struct survey *survey)
{
	const struct settings *settings = survey->settings;

	tidy(survey);
	survey->held_in_range = 0;
	for (size_t i = 0; i < survey->held_length; i++)
		if (is_in_range(survey, survey->held[i]))
			survey->held_in_range++;
	survey->usable = port_range_size(settings->range) -
			 portset_count_range(&settings->reserved, settings->range) -
			 survey->held_in_range;
	survey->finished = true;
}

static void count_cgroup(struct survey *survey, uint64_t id)
{
	for (size_t i = 0; i < survey->cgroups_length; i++) {
		if (survey->cgroups[i].id == id) {
			survey->cgroups[i].sockets++;
			return;
		}
	}
	if (survey->cgroups_length == SURVEY_CGROUPS) {
		survey->more_cgroups = true;
		return;
	}
	survey->cgroups[survey->cgroups_length].id = id;
	survey->cgroups[survey->cgroups_length++].sockets = 1;
}

/* The same as facts_is_leased(), without a set. */
static bool is_leased(const struct survey *survey, const struct socket *socket)
{
	return socket->protocol == SOCKET_TCP && socket->state != SOCKET_CLOSE &&
	       is_in_range(survey, socket->local_port) && !is_held(survey, socket->local_port);
}

static int lease(struct survey *survey, const struct socket *socket, size_t *room)
{
	size_t before;
	int result = 0;

	if (!survey->table)
		result = destination_table_new(DESTINATIONS_MAX, false, &survey->table);
	if (result < 0)
		return result;
	before = destination_table_length(survey->table);
	destination_table_limit(survey->table, *room ? DESTINATIONS_MAX : 0);
	result = destination_table_add(
	    survey->table, socket, port_use_of(socket, survey->settings, NULL));
	if (result == -ENOBUFS) {
		survey->untracked++;
		return 0;
	}
	*room -= destination_table_length(survey->table) - before;
	survey->leased++;
	return result;
}

int survey_observe(struct survey *survey, const struct socket *socket, size_t *room)
{
	survey->sockets++;
	if (socket->cgroup_id)
		count_cgroup(survey, socket->cgroup_id);
	if (socket->protocol != SOCKET_TCP)
		return 0;
	if (socket->state == SOCKET_LISTEN || socket->state == SOCKET_BOUND)
		return survey_hold(survey, socket->local_port);
	if (!survey->finished)
		finish_held(survey);
	if (socket->state == SOCKET_TIME_WAIT)
		survey->time_wait++;
	return is_leased(survey, socket) ? lease(survey, socket, room) : 0;
}

static void find_fullest(const struct survey *survey, struct survey_result *result)
{
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		struct destination destination;
		size_t position = 0;

		while (destination_table_next(survey->table, family, &position, &destination)) {
			destination_table_share(survey->table, survey->usable, &destination);
			if (destination_used(&destination) <= result->used)
				continue;
			result->used = destination_used(&destination);
			result->fullest = destination;
		}
	}
}

void survey_finish(struct survey *survey, struct survey_result *ret_result)
{
	struct survey_result result = {.sockets = survey->sockets,
	    .leased = survey->leased,
	    .time_wait = survey->time_wait,
	    .untracked = survey->untracked};

	if (!survey->finished)
		finish_held(survey);
	result.usable = survey->usable;
	result.held = survey->held_in_range;
	result.range = survey->settings->range;
	result.reserved = port_range_size(result.range) - result.usable - result.held;
	if (survey->table)
		find_fullest(survey, &result);
	result.ratio = result.usable ? (double)result.used / result.usable : 1;
	survey_release(survey);
	*ret_result = result;
}
