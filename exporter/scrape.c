// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/log.h"

struct scraper {
	struct gatherer *gatherer;
	struct self *self;
	const char *procfs;
	unsigned long serial;
	int told[COLLECTORS_MAX]; /* the error of each collector that the log last spoke of */

	bool started;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	collector_set running;		/* what the walk in progress covers; 0: none is */
	struct scrape_request *joined;	/* share the walk in progress */
	struct scrape_request *waiting; /* share the next one */
};

int scraper_new(
    const struct scraper_options *options, struct self *self, struct scraper **ret_scraper)
{
	struct source *source;
	struct scraper *scraper = calloc(1, sizeof(*scraper));

	if (!scraper)
		return -ENOMEM;

	int result = source_open(&options->source, &source);

	if (result == 0) {
		result = gatherer_new(&options->gatherer, source, &scraper->gatherer);
		if (result < 0)
			source_close(source);
	}
	if (result < 0) {
		free(scraper);
		return result;
	}
	scraper->self = self;
	scraper->procfs = options->gatherer.procfs;
	pthread_mutex_init(&scraper->lock, NULL);
	pthread_cond_init(&scraper->wake, NULL);
	*ret_scraper = scraper;
	return 0;
}

static void log_failure(const struct scraper *scraper, size_t i, const struct gathering *gathering)
{
	const char *error = strerrordesc_np(-gathering->outcomes[i].error);
	char path[PATH_MAX];

	if (!gathering->settings_file || !(collectors[i]->needs & NEEDS_SETTINGS)) {
		log_line(LOG_LEVEL_ERROR, "Collector failed", "collector", collectors[i]->name,
		    "err", error, NULL);
		return;
	}
	snprintf(path, sizeof(path), "%s/%s", scraper->procfs, gathering->settings_file);
	log_line(LOG_LEVEL_ERROR, "Collector failed", "collector", collectors[i]->name, "err",
	    error, "file", path, NULL);
}

/* A collector that fails for the same reason at every scrape is told of once. */
static void log_outcomes(struct scraper *scraper, const struct gathering *gathering)
{
	for (size_t i = 0; i < collectors_length; i++) {
		const bool absent = gathering->outcomes[i].absent;
		const int error = absent ? -EOPNOTSUPP : gathering->outcomes[i].error;

		if (!(gathering->asked >> i & 1) || error == scraper->told[i])
			continue;
		scraper->told[i] = error;
		if (error == -EOPNOTSUPP)
			log_line(absent ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
			    "This host has nothing that the collector could tell", "collector",
			    collectors[i]->name, NULL);
		else if (error < 0)
			log_failure(scraper, i, gathering);
		else
			log_line(LOG_LEVEL_INFO, "Collector works again", "collector",
			    collectors[i]->name, NULL);
	}
}

static int run(struct scraper *scraper, collector_set asked, bool (*should_stop)(void *context),
    struct metric_set **ret_set, struct scrape_result *ret_result)
{
	struct metric_set *set = metric_set_new();

	if (!set)
		return -ENOMEM;

	int result =
	    gather(scraper->gatherer, asked, should_stop, scraper, set, &ret_result->gathering);

	if (result == 0) {
		log_outcomes(scraper, &ret_result->gathering);
		self_emit(
		    scraper->self, &ret_result->gathering, gatherer_source(scraper->gatherer), set);
		result = metric_set_error(set);
	}
	if (result < 0) {
		metric_set_free(set);
		return result;
	}
	ret_result->serial = ++scraper->serial;
	ret_result->set = set;
	ret_result->self = scraper->self;
	*ret_set = set;
	return 0;
}

int scraper_run(struct scraper *scraper, collector_set asked,
    void (*with_result)(void *context, const struct scrape_result *result), void *context)
{
	struct metric_set *set;
	struct scrape_result found;
	const int result = run(scraper, asked, NULL, &set, &found);

	if (result < 0)
		return result;
	with_result(context, &found);
	metric_set_free(set);
	return 0;
}

static bool is_past(const struct timespec *deadline, const struct timespec *now)
{
	return now->tv_sec > deadline->tv_sec ||
	       (now->tv_sec == deadline->tv_sec && now->tv_nsec >= deadline->tv_nsec);
}

/* Takes the requests whose deadline has passed out of the list. */
static struct scrape_request *take_late(struct scrape_request **list)
{
	struct scrape_request *late = NULL;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	while (*list) {
		struct scrape_request *request = *list;

		if (!is_past(&request->deadline, &now)) {
			list = &request->next;
			continue;
		}
		*list = request->next;
		request->next = late;
		late = request;
	}
	return late;
}

static void answer(struct scrape_request *list, int error, const struct scrape_result *result)
{
	while (list) {
		struct scrape_request *next = list->next; /* done() may free the request */

		list->done(list, error, result);
		list = next;
	}
}

/* A walk that nobody is waiting for any more is given up. */
static bool nobody_waits(void *context)
{
	struct scraper *scraper = context;

	pthread_mutex_lock(&scraper->lock);

	struct scrape_request *late = take_late(&scraper->joined);
	struct scrape_request *late_for_next = take_late(&scraper->waiting);
	const bool nobody = !scraper->joined || scraper->stopping;

	pthread_mutex_unlock(&scraper->lock);
	answer(late, -ETIMEDOUT, NULL);
	answer(late_for_next, -ETIMEDOUT, NULL);
	return nobody;
}

static void serve(struct scraper *scraper)
{
	struct metric_set *set = NULL;
	struct scrape_result found;
	const int result = run(scraper, scraper->running, nobody_waits, &set, &found);

	pthread_mutex_lock(&scraper->lock);

	struct scrape_request *joined = scraper->joined;

	scraper->joined = NULL;
	scraper->running = 0;
	pthread_mutex_unlock(&scraper->lock);
	answer(joined, result == -ECANCELED ? -ESHUTDOWN : result, result < 0 ? NULL : &found);
	metric_set_free(set);
}

static void *work(void *context)
{
	struct scraper *scraper = context;

	pthread_mutex_lock(&scraper->lock);
	while (!scraper->stopping) {
		if (!scraper->waiting) {
			pthread_cond_wait(&scraper->wake, &scraper->lock);
			continue;
		}
		scraper->joined = scraper->waiting;
		scraper->waiting = NULL;
		for (struct scrape_request *i = scraper->joined; i; i = i->next)
			scraper->running |= i->asked;
		pthread_mutex_unlock(&scraper->lock);
		serve(scraper);
		pthread_mutex_lock(&scraper->lock);
	}
	pthread_mutex_unlock(&scraper->lock);
	return NULL;
}

int scraper_start(struct scraper *scraper)
{
	const int error = pthread_create(&scraper->thread, NULL, work, scraper);

	scraper->started = error == 0;
	return -error;
}

void scraper_submit(struct scraper *scraper, struct scrape_request *request)
{
	pthread_mutex_lock(&scraper->lock);

	const bool covered = scraper->joined && (request->asked & ~scraper->running) == 0;
	struct scrape_request **list = covered ? &scraper->joined : &scraper->waiting;
	const bool stopping = scraper->stopping;

	if (!stopping) {
		request->next = *list;
		*list = request;
	}
	pthread_cond_signal(&scraper->wake);
	pthread_mutex_unlock(&scraper->lock);
	if (stopping)
		request->done(request, -ESHUTDOWN, NULL);
}

void scraper_stop(struct scraper *scraper)
{
	pthread_mutex_lock(&scraper->lock);

	struct scrape_request *waiting = scraper->waiting;

	scraper->waiting = NULL;
	scraper->stopping = true;
	pthread_cond_signal(&scraper->wake);
	pthread_mutex_unlock(&scraper->lock);
	answer(waiting, -ESHUTDOWN, NULL);
	if (scraper->started)
		pthread_join(scraper->thread, NULL);
	scraper->started = false;
}

void scraper_free(struct scraper *scraper)
{
	if (!scraper)
		return;
	scraper_stop(scraper);
	pthread_cond_destroy(&scraper->wake);
	pthread_mutex_destroy(&scraper->lock);
	gatherer_free(scraper->gatherer);
	free(scraper);
}

static int write_outcomes(const struct scrape_result *result, collector_set asked,
    enum exposition_format format, struct text *text)
{
	struct metric_set *outcomes = metric_set_new();

	if (!outcomes)
		return -ENOMEM;
	self_emit_outcomes(result->self, &result->gathering, asked, outcomes);
	exposition_write(text, format, outcomes, self_outcome_families);

	const int error = metric_set_error(outcomes);

	metric_set_free(outcomes);
	return error;
}

int scrape_write(const struct scrape_result *result, collector_set asked,
    enum exposition_format format, struct text *text)
{
	for (size_t i = 0; i < collectors_length; i++)
		if (asked >> i & 1)
			exposition_write(text, format, result->set, collectors[i]->families);

	const int error = write_outcomes(result, asked, format, text);

	if (error < 0)
		return error;
	exposition_write(text, format, result->set, self_families);
	exposition_end(text, format);
	return text->error;
}
