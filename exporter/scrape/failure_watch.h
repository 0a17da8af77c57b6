/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FAILURE_WATCH_H
#define EPHEMERA_FAILURE_WATCH_H

/*
 * Requests that wait until calls find no port. One thread reads the kernel's events for all of
 * them, and only while somebody waits. It needs no walk. What happens while nobody waits is counted
 * by the collector `exhaustion` alone.
 */

#include "collectors/kernel/exhaustion_probe.h"
#include "exporter/scrape/failure_log.h"
#include "exporter/scrape/single_flight.h"

/* Seconds that a request waits at most. */
#define FAILURE_WATCH_LONGEST_WAIT 15

struct failure_watch;

/* What done of a request gets, valid during the call: the events of log after that number. */
struct failure_news {
	const struct failure_log *log;
	uint64_t after;
};

/* The caller of failure_watch_submit() owns it, and must keep it until done was called. */
struct failure_request {
	/*
	 * Must be first. deadline: done gets no error then, and news without an event. The only
	 * error is -ESHUTDOWN. prompt is not used.
	 */
	struct shared_request shared;
	bool has_id;
	struct failure_id id; /* of the last event that the client has */
	/*
	 * Whether the client is gone: done is called then, too. Asked now and then with a lock
	 * held, so it must not block.
	 */
	bool (*is_gone)(const struct failure_request *request);
	/* The watch uses the rest. */
	bool is_known; /* after is set */
	uint64_t after;
};

/*
 * Opens the probe's events. All that is passed must outlive the result. pods: as in struct
 * gatherer_options. Returns 0 or -errno.
 */
int failure_watch_new(struct exhaustion_probe *probe, const char *sysfs, const char *pods,
    struct failure_watch **ret_watch);

/* Starts the thread. Returns 0 or -errno. */
int failure_watch_start(struct failure_watch *watch);

void failure_watch_submit(struct failure_watch *watch, struct failure_request *request);

/* False if somebody waits and the thread has not looked for `seconds`. */
bool failure_watch_is_alive(struct failure_watch *watch, double seconds);

/* Ends the thread. Requests that wait get what there is; all later ones get -ESHUTDOWN. */
void failure_watch_stop(struct failure_watch *watch);
void failure_watch_free(struct failure_watch *watch); /* also stops it; NULL is fine */

#endif
