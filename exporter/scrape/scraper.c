// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/scraper.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/exhaustion.h"
#include "collectors/namespaces.h"
#include "exporter/base/log.h"
#include "exporter/scrape/collector_log.h"
#include "exporter/scrape/history_feed.h"
#include "exporter/scrape/remarks.h"
#include "exporter/scrape/view_warnings.h"

struct scraper {
	struct gatherer *gatherer;
	struct self *self;
	const char *procfs;
	const char *sysfs;
	const char *pods;
	const char *netns_names;
	unsigned long serial;
	bool is_auto;		  /* the source may fall back to /proc */
	bool told_source;	  /* the log says that it did */
	bool told_walk;		  /* the log says that the walk was given up */
	int told[COLLECTORS_MAX]; /* the last error of each collector in the log */

	struct single_flight *sharing;
	collector_set running;	  /* what the walk in progress covers; under sharing's lock */
	struct asked_list asked;  /* the same of other network namespaces; `found` is the walk's */
	struct marks_asked marks; /* the same of what is marked */
	struct scrape_result found; /* of the last scrape, as is the next */
	struct metric_set *set;
	struct history *history;	/* NULL: none is kept */
	struct failure_watch *failures; /* NULL: nobody sees any */
};

static const struct shared_work scraper_work;

/* The walk is given up for good, so this is logged once. */
static void log_walk(struct scraper *scraper, const struct source *source)
{
	const int error = source_walk_error(source);

	if (error == 0 || scraper->told_walk)
		return;
	scraper->told_walk = true;
	log_line(LOG_LEVEL_WARN, "Cannot read sockets by BPF any more: reading them by sock_diag",
	    "err", strerrordesc_np(-error), NULL);
}

/* Logs it once: the metrics show it at each scrape. */
static void log_source(struct scraper *scraper, const struct source *source)
{
	const bool tcp = source_used(source, SOCKET_TCP) == SOURCE_PROCFS;

	if (!scraper->is_auto || scraper->told_source ||
	    (!tcp && source_used(source, SOCKET_UDP) != SOURCE_PROCFS))
		return;
	scraper->told_source = true;
	log_line(LOG_LEVEL_WARN,
	    "The kernel or a sandbox refuses sock_diag: reading sockets from /proc", "protocol",
	    tcp ? "tcp" : "udp", "missing",
	    tcp ? "TCP sockets that only bind(), ports that bind() chose, cgroups" : "cgroups",
	    NULL);
}

static int ignore_socket(void *context, const struct socket *socket)
{
	(void)context;
	(void)socket;
	return 0;
}

/* Lists the listeners, which are few, to know the source before the first scrape. */
static void probe_source(struct scraper *scraper, const struct source_options *options)
{
	const struct source_observer nobody = {ignore_socket, NULL, NULL};
	struct source *source;

	scraper->is_auto = options->kind == SOURCE_AUTO && !options->record;
	if (!scraper->is_auto || source_open(options, &source) < 0)
		return;
	if (source_list(source, LISTING_TCP_LISTEN, &nobody) == 0)
		log_source(scraper, source);
	source_close(source);
}

/* At the start, not at the first scrape: the person who set the flag is still watching. */
static void tell_what_is_missing(struct scraper *scraper)
{
	for (size_t i = 0; i < collectors_length; i++) {
		const char *reason = NULL;
		const int error = gatherer_check(scraper->gatherer, i, &reason);

		if (error < 0) {
			scraper->told[i] = error;
			collector_log_failure(i, error, reason);
			continue;
		}
		reason = gatherer_lacks(scraper->gatherer, i);
		if (reason)
			collector_log_missing(i, reason);
	}
}

static void *exhaustion_state(const struct scraper *scraper)
{
	const int place = collector_find("exhaustion");

	return place < 0 ? NULL : gatherer_state(scraper->gatherer, (size_t)place);
}

static int watch_failures(struct scraper *scraper, const struct gatherer_options *options)
{
	void *state = options->failure_events ? exhaustion_state(scraper) : NULL;
	struct exhaustion_probe *probe = state ? exhaustion_probe_of(state) : NULL;

	return probe ? failure_watch_new(probe, options->sysfs, options->pods, &scraper->failures)
		     : 0;
}

int scraper_new(
    const struct scraper_options *options, struct self *self, struct scraper **ret_scraper)
{
	struct scraper *scraper = calloc(1, sizeof(*scraper));
	struct shared_work work = scraper_work;
	struct gatherer_options gatherer = options->gatherer;

	if (!scraper)
		return -ENOMEM;
	work.context = scraper;
	gatherer.marks = &scraper->marks;
	scraper->self = self;
	scraper->procfs = options->gatherer.procfs;
	scraper->sysfs = options->gatherer.sysfs;
	scraper->pods = options->gatherer.pods;
	if (options->gatherer.namespaces)
		scraper->netns_names = options->gatherer.namespaces->names;

	int result = gatherer_open(&gatherer, &options->source, &scraper->gatherer);

	if (result == 0 && options->keeps_history) {
		scraper->history = history_new();
		result = scraper->history ? 0 : -ENOMEM;
	}
	if (result == 0)
		result = watch_failures(scraper, &options->gatherer);
	if (result == 0)
		result = single_flight_new(&work, &options->limit, &scraper->sharing);
	if (result < 0) {
		scraper_free(scraper);
		return result;
	}
	tell_what_is_missing(scraper);
	remarks_log(scraper->gatherer);
	probe_source(scraper, &options->source);
	*ret_scraper = scraper;
	return 0;
}

const struct lease_starts *scraper_lease_starts(const struct scraper *scraper)
{
	const void *state = exhaustion_state(scraper);

	return state ? exhaustion_starts(state) : NULL;
}

struct failure_watch *scraper_failures(const struct scraper *scraper)
{
	return scraper->failures;
}

static void log_failure(const struct scraper *scraper, size_t i, const struct gathering *gathering)
{
	const struct collector_outcome *outcome = &gathering->outcomes[i];
	const char *error = strerrordesc_np(-outcome->error);
	char path[PATH_MAX];

	if (outcome->reason) {
		collector_log_failure(i, outcome->error, outcome->reason);
		return;
	}
	if (!gathering->settings_file || !(collectors[i]->needs & NEEDS_SETTINGS)) {
		log_line(LOG_LEVEL_ERROR, "Collector failed", "collector", collectors[i]->name,
		    "err", error, NULL);
		return;
	}
	snprintf(path, sizeof(path), "%s/%s", scraper->procfs, gathering->settings_file);
	log_line(LOG_LEVEL_ERROR, "Collector failed", "collector", collectors[i]->name, "err",
	    error, "file", path, NULL);
}

/* Logs a collector that fails for the same reason at every scrape once. */
static void log_outcomes(struct scraper *scraper, const struct gathering *gathering)
{
	for (size_t i = 0; i < collectors_length; i++) {
		const bool absent = gathering->outcomes[i].absent;
		const int error = absent ? -EOPNOTSUPP : gathering->outcomes[i].error;

		if (!(gathering->asked >> i & 1) || error == scraper->told[i])
			continue;
		scraper->told[i] = error;
		if (error == -EOPNOTSUPP && collectors[i]->lacking)
			log_line(absent ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
			    "The collector cannot work on this host", "collector",
			    collectors[i]->name, "reason", collectors[i]->lacking, NULL);
		else if (error < 0)
			log_failure(scraper, i, gathering);
		else
			log_line(LOG_LEVEL_INFO, "Collector works again", "collector",
			    collectors[i]->name, NULL);
	}
}

static int run(struct scraper *scraper, collector_set asked, bool (*should_stop)(void *context),
    void *context, struct scrape_result *ret_result)
{
	struct metric_set *set = metric_set_new();

	if (!set)
		return -ENOMEM;

	int result =
	    gather(scraper->gatherer, asked, should_stop, context, set, &ret_result->gathering);

	if (result == 0) {
		log_outcomes(scraper, &ret_result->gathering);
		log_walk(scraper, gatherer_source(scraper->gatherer));
		log_source(scraper, gatherer_source(scraper->gatherer));
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
	ret_result->gatherer = scraper->gatherer;
	ret_result->history = scraper->history;
	if (scraper->history)
		history_feed(scraper->history, scraper->gatherer, &ret_result->gathering, set);
	scraper->set = set;
	return 0;
}

int scraper_run(struct scraper *scraper, collector_set asked,
    void (*with_result)(void *context, const struct scrape_result *result), void *context)
{
	struct scrape_result found;
	const int result = run(scraper, asked, NULL, NULL, &found);

	if (result < 0)
		return result;
	with_result(context, &found);
	metric_set_free(scraper->set);
	return 0;
}

static const struct scrape_request *request_of(const struct shared_request *request)
{
	return (const struct scrape_request *)request; /* its first member */
}

static void add_request(void *context, const struct shared_request *request)
{
	struct scraper *scraper = context;

	scraper->running |= request_of(request)->asked;
	if (request_of(request)->namespace)
		asked_list_add(&scraper->asked, request_of(request)->namespace,
		    request_of(request)->port, request_of(request)->limit);
	if (request_of(request)->mark)
		marks_asked_add(&scraper->marks, request_of(request)->mark);
}

static bool covers(void *context, const struct shared_request *request)
{
	const struct scraper *scraper = context;

	const struct scrape_request *asked = request_of(request);

	return (asked->asked & ~scraper->running) == 0 &&
	       (!asked->mark || marks_asked_find(&scraper->marks, asked->mark) < MARKS_MAX) &&
	       (!asked->namespace ||
		   asked_list_has(&scraper->asked, asked->namespace, asked->port, asked->limit));
}

static int work(
    void *context, bool (*should_stop)(void *sharing), void *sharing, const void **ret_result)
{
	struct scraper *scraper = context;
	int result;

	gatherer_ask(scraper->gatherer, scraper->asked.list, scraper->asked.length);
	result = run(scraper, scraper->running, should_stop, sharing, &scraper->found);

	scraper->found.namespaces = &scraper->asked;
	scraper->found.marks = &scraper->marks;
	*ret_result = result < 0 ? NULL : &scraper->found;
	return result;
}

static void finish(void *context, const void *result)
{
	struct scraper *scraper = context;

	scraper->running = 0;
	scraper->asked.length = 0;
	scraper->marks.length = 0;
	if (result)
		metric_set_free(scraper->set);
}

static const struct shared_work scraper_work = {
    .add = add_request,
    .covers = covers,
    .run = work,
    .finish = finish,
};

void scraper_warn_of_view(struct scraper *scraper)
{
	unsigned parts;

	if (gatherer_view(scraper->gatherer, &parts) == 0)
		view_warnings_log(parts, scraper->sysfs, scraper->pods, scraper->netns_names);
}

int scraper_start(struct scraper *scraper)
{
	return single_flight_start(scraper->sharing);
}

void scraper_submit(struct scraper *scraper, struct scrape_request *request)
{
	single_flight_submit(scraper->sharing, &request->shared);
}

bool scraper_is_alive(struct scraper *scraper, double seconds)
{
	return single_flight_is_alive(scraper->sharing, seconds);
}

void scraper_stop(struct scraper *scraper)
{
	single_flight_stop(scraper->sharing);
}

void scraper_free(struct scraper *scraper)
{
	if (!scraper)
		return;
	single_flight_free(scraper->sharing);
	failure_watch_free(scraper->failures);
	gatherer_free(scraper->gatherer);
	history_free(scraper->history);
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

	exposition_write(text, format, result->set, namespaces_families);

	const int error = write_outcomes(result, asked, format, text);

	if (error < 0)
		return error;
	exposition_write(text, format, result->set, self_families);
	exposition_end(text, format);
	return text->error;
}
