/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SCRAPER_H
#define EPHEMERA_SCRAPER_H

/* Scrapes for many requests at once, which share walks: see single_flight.h. */

#include "collectors/gather.h"
#include "exporter/scrape/asked_list.h"
#include "exporter/scrape/exposition.h"
#include "exporter/scrape/failure_watch.h"
#include "exporter/scrape/history.h"
#include "exporter/scrape/self_metrics.h"
#include "exporter/scrape/single_flight.h"

/* What a scrape found. Read-only, and valid only during the callback that gets it. */
struct scrape_result {
	unsigned long serial; /* a number for each scrape */
	const struct metric_set *set;
	const struct self *self;
	const struct gatherer *gatherer; /* for the results of views, see views.h */
	const struct history *history;	 /* NULL: none is kept */
	struct gathering gathering;
	const struct asked_list *namespaces; /* those that it was asked for, and what they are */
	const struct marks_asked *marks;     /* what it was asked to mark */
};

struct scraper_options {
	struct gatherer_options gatherer;
	struct source_options source;
	struct shared_limit limit;
	/* Keeps a history; then the views are behind the registry's collectors. */
	bool keeps_history;
};

struct scraper;

/*
 * Opens the source and creates the collectors. self and what options points to must outlive the
 * result. Returns 0 or -errno.
 */
int scraper_new(
    const struct scraper_options *options, struct self *self, struct scraper **ret_scraper);
void scraper_free(struct scraper *scraper);

/*
 * With all namespaces: logs what the exporter does not see of its node. Call it once, before
 * scraper_start().
 */
void scraper_warn_of_view(struct scraper *scraper);

/* What its collector `exhaustion` sees of when connections began; NULL: it is not enabled. */
const struct lease_starts *scraper_lease_starts(const struct scraper *scraper);

/*
 * Those who wait for calls that its collector `exhaustion` sees fail, if options have
 * failure_events; the scraper owns it. NULL: it sees none.
 */
struct failure_watch *scraper_failures(const struct scraper *scraper);

/* One scrape in the calling thread. Do not call it while the scraper's own thread runs. */
int scraper_run(struct scraper *scraper, collector_set asked,
    void (*with_result)(void *context, const struct scrape_result *result), void *context);

/* Starts the thread that serves scraper_submit(). Returns 0 or -errno. */
int scraper_start(struct scraper *scraper);

bool scraper_is_alive(struct scraper *scraper, double seconds); /* see single_flight_is_alive() */
void scraper_stop(struct scraper *scraper);			/* see single_flight_stop() */

struct scrape_request {
	/* Must be first. done gets a struct scrape_result, or -ENOMEM. */
	struct shared_request shared;
	collector_set asked;
	/*
	 * With all namespaces: the one whose views are wanted, as namespaces_match() takes it;
	 * NULL: none. If a scrape is asked for too many, its result is without this one.
	 */
	const char *namespace;
	uint16_t port; /* for VIEW_PORT of that namespace; 0: none */
	size_t limit;  /* of sockets, for port */
	/* What VIEW_PORT_MARKS is to mark, or NULL. If there are too many, this one is left out. */
	const struct mark_asked *mark;
};

void scraper_submit(struct scraper *scraper, struct scrape_request *request);

/*
 * Writes the metrics of the collectors in asked, then the exporter's own, as text in that format.
 * Returns 0 or -ENOMEM.
 */
int scrape_write(const struct scrape_result *result, collector_set asked,
    enum exposition_format format, struct text *text);

#endif
