// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_holders.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/clock.h"
#include "collectors/views/port_conflict.h"
#include "exporter/answers/port_json.h"
#include "exporter/base/time_share.h"

/* The ports that one look is for. If there are more, the earlier ones are dropped. */
#define PORTS_MAX 64
/* How old an answer may be before the next look, if there is time for one. */
#define FRESH_SECONDS 1.0
#define SHARE 0.1
/* What a restart may take, in which several services are refused their ports at once. */
#define BURST_SECONDS 0.5
/* A search for processes that takes longer ends without an answer. */
#define SEARCH_SECONDS 2.0

struct holder_finder {
	struct source_options source;
	const char *sysfs;
	bool wants_json;
	struct time_share time;
	struct portset ports;	    /* those of the last look */
	struct port_lookup *lookup; /* NULL if it failed, or there was none */
	struct timespec looked;	    /* CLOCK_MONOTONIC */
	struct timespec looked_at;  /* CLOCK_REALTIME */
	/* The last answer, for a program that asks again and again. */
	bool has_last;
	struct socket asked;
	struct holder last;
	struct json *json; /* of the last one; NULL: none */
};

struct holder_finder *holder_finder_new(
    const struct source_options *source, const char *sysfs, bool wants_json)
{
	struct holder_finder *finder = calloc(1, sizeof(*finder));

	if (!finder)
		return NULL;
	finder->source = source_without_walk(source);
	/* They tell which ports connect() cannot have, and take longer than all the rest. */
	finder->source.buckets = NULL;
	finder->sysfs = sysfs;
	finder->wants_json = wants_json;
	return finder;
}

static void forget(struct holder_finder *finder)
{
	json_free(finder->json);
	finder->json = NULL;
	finder->has_last = false;
}

void holder_finder_free(struct holder_finder *finder)
{
	if (!finder)
		return;
	forget(finder);
	port_lookup_free(finder->lookup);
	free(finder);
}

static void look(struct holder_finder *finder, uint16_t port)
{
	const struct port_lookup_options options = {
	    .source = &finder->source,
	    .sysfs = finder->sysfs,
	    .limit = HOLDERS_KEPT,
	    .local_only = true,
	    .search_seconds = SEARCH_SECONDS,
	};

	if (portset_count(&finder->ports) >= PORTS_MAX)
		finder->ports = (struct portset){0};
	portset_add(&finder->ports, port);
	forget(finder);
	port_lookup_free(finder->lookup);
	finder->lookup = NULL;
	finder->looked = clock_now();
	clock_gettime(CLOCK_REALTIME, &finder->looked_at);
	if (port_lookup_run(&options, &finder->ports, &finder->lookup) < 0)
		finder->lookup = NULL;
	time_share_spend(&finder->time, clock_seconds_since(&finder->looked));
}

static bool is_fresh(const struct holder_finder *finder, uint16_t port)
{
	return portset_has(&finder->ports, port) &&
	       clock_seconds_since(&finder->looked) < FRESH_SECONDS;
}

/* /proc does not show TCP sockets that only called bind(), nor do kernels before Linux 6.8. */
static bool may_be_unlisted(const struct port_lookup *lookup, const struct socket *asked)
{
	return asked->protocol == SOCKET_TCP && lookup->bound_unseen;
}

static struct holder judge(const struct holder_finder *finder, const struct socket *asked)
{
	struct holder holder = {.search = HOLDER_SKIPPED};
	struct port_answer answer;

	if (!portset_has(&finder->ports, asked->local_port))
		return holder;
	holder.search = HOLDER_FAILED;
	if (!finder->lookup)
		return holder;
	holder.time = finder->looked_at;
	answer = port_lookup_answer(finder->lookup, asked->local_port);
	holder.socket = port_conflict_find(&answer.local, asked, &holder.others);
	if (holder.socket)
		holder.search = HOLDER_FOUND;
	else if (may_be_unlisted(finder->lookup, asked))
		holder.search = HOLDER_UNLISTED;
	else
		holder.search = HOLDER_GONE;
	return holder;
}

/* The same, from the last answer if it is to the same question. */
static struct holder answer(struct holder_finder *finder, const struct socket *asked)
{
	if (finder->has_last && socket_same_ends(&finder->asked, asked) &&
	    finder->asked.ipv6_only == asked->ipv6_only)
		return finder->last;
	forget(finder);
	finder->asked = *asked;
	finder->last = judge(finder, asked);
	finder->has_last = true;
	if (finder->last.search != HOLDER_FOUND)
		return finder->last;
	finder->last.lookup = finder->lookup;
	if (finder->wants_json) {
		finder->json = json_new_object();
		port_json_add_socket(finder->json, finder->lookup, finder->last.socket);
		finder->last.json = finder->json;
	}
	return finder->last;
}

static bool has_time(struct holder_finder *finder)
{
	return time_share_allows(&finder->time, SHARE, BURST_SECONDS);
}

static uint64_t look_ns(const struct holder_finder *finder)
{
	return (uint64_t)finder->looked.tv_sec * 1000000000u + (uint64_t)finder->looked.tv_nsec;
}

struct holder holder_finder_find(
    struct holder_finder *finder, const struct socket *asked, uint64_t time_ns)
{
	struct holder holder;

	if (!is_fresh(finder, asked->local_port) && has_time(finder))
		look(finder, asked->local_port);
	holder = answer(finder, asked);
	/* It was not there before the call, and yet it refused it. */
	if (holder.search == HOLDER_GONE && look_ns(finder) < time_ns) {
		if (!has_time(finder))
			return (struct holder){.search = HOLDER_SKIPPED};
		look(finder, asked->local_port);
		holder = answer(finder, asked);
	}
	return holder;
}

struct holder holder_finder_find_for(
    struct holder_finder *finder, const struct exhausted_event *event)
{
	struct socket asked = {
	    .protocol = event->call == EXHAUSTED_BIND_UDP ? SOCKET_UDP : SOCKET_TCP,
	    .family = event->family ? SOCKET_IPV6 : SOCKET_IPV4,
	    .local_port = event->refused_port,
	    .interface = event->interface,
	    .ipv6_only = event->refused & REFUSED_IPV6_ONLY,
	};

	memcpy(&asked.local, event->local, sizeof(asked.local));
	return holder_finder_find(finder, &asked, event->time_ns);
}

const char *holder_search_name(enum holder_search search)
{
	static const char *const names[] = {
	    [HOLDER_FOUND] = "found",
	    [HOLDER_GONE] = "gone",
	    [HOLDER_UNLISTED] = "unlisted",
	    [HOLDER_SKIPPED] = "skipped",
	    [HOLDER_FAILED] = "failed",
	    [HOLDER_ELSEWHERE] = "elsewhere",
	};

	return names[search];
}
