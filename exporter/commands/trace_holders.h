/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_HOLDERS_H
#define EPHEMERA_TRACE_HOLDERS_H

/*
 * Who holds the port that a bind() was refused. To find it, the sockets are listed and processes
 * are searched. That is done at most once a second for the same port, and in about a tenth of the
 * time, however many calls are refused; so an answer may be older, or missing.
 */

#include <stddef.h>
#include <time.h>

#include "collectors/bpf/exhaustion.h"
#include "collectors/kernel/source.h"
#include "collectors/views/port_lookup.h"
#include "exporter/base/json.h"

enum holder_search {
	HOLDER_FOUND,
	HOLDER_GONE,	  /* no socket has the port any more */
	HOLDER_UNLISTED,  /* the same; but one that only called bind() would not be listed */
	HOLDER_SKIPPED,	  /* not looked up, for want of time */
	HOLDER_FAILED,	  /* sockets cannot be listed */
	HOLDER_ELSEWHERE, /* not looked up, in another network namespace */
};

struct holder {
	enum holder_search search;
	/* CLOCK_REALTIME, of the look; not set if it was skipped or failed. */
	struct timespec time;
	/* The rest only if it was found; it is valid until the next call. */
	const struct port_lookup *lookup;
	const struct port_socket *socket;
	const struct json *json; /* the socket; NULL without wants_json */
	size_t others; /* more sockets that keep the port from it, of the first HOLDERS_KEPT */
};

#define HOLDERS_KEPT 16

struct holder_finder;

/* What the arguments point to must outlive it. NULL: out of memory. */
struct holder_finder *holder_finder_new(
    const struct source_options *source, const char *sysfs, bool wants_json);
void holder_finder_free(struct holder_finder *finder); /* NULL is fine */

/*
 * asked: protocol, local address and port, interface and ipv6_only of the call that was refused.
 * time_ns: when, CLOCK_MONOTONIC.
 */
struct holder holder_finder_find(
    struct holder_finder *finder, const struct socket *asked, uint64_t time_ns);

/* The same for a call that was refused. */
struct holder holder_finder_find_for(
    struct holder_finder *finder, const struct exhausted_event *event);

/* "found", "gone", "unlisted", "skipped", "failed" or "elsewhere". */
const char *holder_search_name(enum holder_search search);

#endif
