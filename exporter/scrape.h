/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SCRAPE_H
#define EPHEMERA_SCRAPE_H

/*
 * Scrapes for many at once: whoever asks while a walk is running that covers what they
 * want shares it; whoever asks for more shares the next one. One thread walks, so a slow
 * client costs nobody else anything.
 */

#include <stdbool.h>
#include <time.h>

#include "collectors/gather.h"
#include "exporter/exposition.h"
#include "exporter/self.h"

/* What a scrape found. It is read-only, and lives as long as the callback that gets it. */
struct scrape_result {
	unsigned long serial; /* counts the scrapes: the same number, the same result */
	const struct metric_set *set;
	const struct self *self;
	struct gathering gathering;
};

struct scraper_options {
	struct gatherer_options gatherer;
	struct source_options source;
};

struct scraper;

/*
 * Opens the source and creates the collectors; self must outlive it. What options points
 * to must, too. Returns 0 or -errno.
 */
int scraper_new(
    const struct scraper_options *options, struct self *self, struct scraper **ret_scraper);
void scraper_free(struct scraper *scraper);

/* One scrape in the calling thread; not while the scraper's own thread runs. */
int scraper_run(struct scraper *scraper, collector_set asked,
    void (*with_result)(void *context, const struct scrape_result *result), void *context);

/* Starts the thread that serves scraper_submit(). Returns 0 or -errno. */
int scraper_start(struct scraper *scraper);

/*
 * Ends the thread and gives up the walk it is at; whoever waits gets -ESHUTDOWN, and so does
 * whoever submits from then on.
 */
void scraper_stop(struct scraper *scraper);

/* Owned by who submits it, until done was called. */
struct scrape_request {
	collector_set asked;
	struct timespec deadline; /* CLOCK_MONOTONIC: when an answer is of no use any more */
	/*
	 * Called once, in the scraper's thread: error 0 and a result, or -ETIMEDOUT,
	 * -ENOMEM, -ESHUTDOWN and NULL.
	 */
	void (*done)(struct scrape_request *request, int error, const struct scrape_result *result);
	struct scrape_request *next; /* the scraper's */
};

void scraper_submit(struct scraper *scraper, struct scrape_request *request);

/*
 * Writes what result has for the collectors of asked, the exporter's own metrics behind
 * them, as text in that format. Returns 0 or -ENOMEM.
 */
int scrape_write(const struct scrape_result *result, collector_set asked,
    enum exposition_format format, struct text *text);

#endif
