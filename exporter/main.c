// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/binds.h"
#include "collectors/views.h"
#include "exporter/destinations.h"
#include "exporter/log.h"
#include "exporter/options.h"
#include "exporter/port.h"
#include "exporter/scrape.h"
#include "exporter/version.h"
#include "exporter/web.h"

#define IDLE_SECONDS 300 /* longer than any sensible scrape interval */
#define DRAIN_SECONDS 5	 /* for responses in flight when we are told to end */
#define MMAP_THRESHOLD (256 * 1024)

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

struct printed {
	const struct options *options;
	bool failed;
};

static void print_result(void *context, const struct scrape_result *result)
{
	struct printed *printed = context;
	struct text text = {0};

	int error = scrape_write(result, printed->options->enabled, EXPOSITION_TEXT_0_0_4, &text);

	errno = 0;
	if (error == 0 &&
	    (fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout) != 0))
		error = errno ? -errno : -EIO;
	free(text.data);
	if (error < 0) {
		log_line(LOG_LEVEL_ERROR, "Cannot write the metrics", "err",
		    strerrordesc_np(-error), NULL);
		printed->failed = true;
	}
	for (size_t i = 0; i < collectors_length; i++)
		if (result->gathering.outcomes[i].error < 0)
			printed->failed = true;
}

static int run_metrics(const struct options *options, struct scraper *scraper)
{
	struct printed printed = {.options = options};
	const int result = scraper_run(scraper, options->enabled, print_result, &printed);

	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "Scrape failed", "err", strerrordesc_np(-result), NULL);
	return result < 0 || printed.failed ? EXIT_FAILED : EXIT_DONE;
}

static int listen_on_all(const struct options *options, struct web *web)
{
	for (size_t i = 0; i < options->addresses_length; i++) {
		const struct listen_address *address = &options->addresses[i];
		char text[LISTEN_TEXT_SIZE];
		char asked[LISTEN_HOST_SIZE + 8];
		const int fd = listen_open(address, text);
		const int result = fd < 0 ? fd : web_serve(web, fd);

		if (result == 0) {
			log_line(LOG_LEVEL_INFO, "Listening", "address", text, NULL);
			continue;
		}
		snprintf(asked, sizeof(asked), strchr(address->host, ':') ? "[%s]:%u" : "%s:%u",
		    address->host, address->port);
		log_line(LOG_LEVEL_ERROR, "Cannot listen", "flag", "--web.listen-address", "value",
		    asked, "err", strerrordesc_np(-result), NULL);
		return result;
	}
	return 0;
}

static int start_lookup(const struct options *options, struct lookup **ret_lookup)
{
	const int result = lookup_new(&options->source, options->sysfs, ret_lookup);

	return result < 0 ? result : lookup_start(*ret_lookup);
}

static int run_server(const struct options *options, struct scraper *scraper, struct self *self)
{
	const struct web_options web_options = {
	    .telemetry_path = options->telemetry_path,
	    .max_requests = (unsigned)options->max_requests,
	    .limits = {(unsigned)options->max_connections, (unsigned)options->request_seconds,
		(unsigned)options->response_seconds, IDLE_SECONDS},
	    .enabled = options->enabled,
	    .procfs = options->procfs,
	    .source = options->source,
	    .sysfs = options->sysfs,
	    .first_view = collectors_length,
	};
	struct lookup *lookup = NULL;
	struct web *web = NULL;
	sigset_t signals;
	int number;

	/* Blocked before any thread is started, so that only sigwait() below gets them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);

	int result = scraper_start(scraper);

	if (result == 0 && options->enable_api)
		result = start_lookup(options, &lookup);
	if (result == 0)
		result = web_new(&web_options, scraper, lookup, self, &web);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "Cannot start", "err", strerrordesc_np(-result), NULL);
		lookup_free(lookup);
		return EXIT_FAILED;
	}
	log_line(LOG_LEVEL_INFO, "Starting ephemera", "version", EPHEMERA_VERSION, NULL);
	result = listen_on_all(options, web);
	if (result == 0) {
		sigwait(&signals, &number);
		log_line(LOG_LEVEL_INFO, "Ending", "signal",
		    number == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
	}
	web_stop(web, DRAIN_SECONDS);
	web_free(web);
	lookup_free(lookup);
	return result < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* The registry's collectors and, where the API is on, the views behind them. */
struct observers {
	const struct collector *list[COLLECTORS_MAX];
	size_t length;
	collector_set enabled;
	unsigned long values[COLLECTORS_MAX][COLLECTOR_FLAGS_MAX];
};

static void choose_observers(const struct options *options, struct observers *observers)
{
	for (size_t i = 0; i < collectors_length; i++)
		observers->list[i] = collectors[i];
	memcpy(observers->values, options->values, sizeof(options->values));
	observers->length = collectors_length;
	observers->enabled = options->enabled;
	for (size_t i = 0; options->enable_api && i < VIEWS; i++) {
		observers->list[observers->length] = views[i];
		observers->enabled |= (collector_set)1 << observers->length;
		if (i == VIEW_DESTINATIONS)
			observers->values[observers->length][0] = VIEW_DESTINATIONS_LIMIT;
		observers->length++;
	}
}

static int run(const struct options *options)
{
	const unsigned long *binds = options->values[collector_find("binds")];
	struct observers observers;

	choose_observers(options, &observers);

	const struct scraper_options scraper_options = {
	    .gatherer =
		{
		    .collectors = observers.list,
		    .length = observers.length,
		    .enabled = observers.enabled,
		    .wanted = options->wanted,
		    .values = observers.values,
		    .procfs = options->procfs,
		    .sysfs = options->sysfs,
		    .refresh_sockets = binds[BINDS_REFRESH_SOCKETS],
		    .refresh_seconds = (unsigned)binds[BINDS_REFRESH_SECONDS],
		},
	    .source = options->source,
	};
	struct scraper *scraper = NULL;
	struct self *self = self_new(options->disable_exporter_metrics);
	const int result = self ? scraper_new(&scraper_options, self, &scraper) : -ENOMEM;
	int status = EXIT_FAILED;

	if (result < 0) {
		const char *file =
		    options->source.replay ? options->source.replay : options->source.record;

		log_line(LOG_LEVEL_ERROR, "Cannot start", "err", strerrordesc_np(-result),
		    file ? "file" : NULL, file, NULL);
	} else if (options->command == COMMAND_METRICS) {
		status = run_metrics(options, scraper);
	} else {
		status = run_server(options, scraper, self);
	}
	scraper_free(scraper);
	self_free(self);
	return status;
}

/*
 * A scrape of a busy host takes tens of megabytes for a moment. Blocks of that size are to
 * be mapped, and so given back; glibc would raise the threshold after the first free().
 */
static void configure_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, MMAP_THRESHOLD);
	mallopt(M_ARENA_MAX, 2);
}

int main(int argc, char **argv)
{
	struct options options;
	char error[OPTIONS_ERROR_SIZE];

	configure_memory();
	if (options_parse(argc, argv, &options, error) < 0) {
		fprintf(stderr, "ephemera: %s\n", error);
		return EXIT_USAGE;
	}
	log_configure(options.log_level, options.log_format);
	switch (options.command) {
	case COMMAND_HELP:
		options_help(stdout);
		return EXIT_DONE;
	case COMMAND_VERSION:
		puts("ephemera " EPHEMERA_VERSION " (" EPHEMERA_COMPILER ")");
		return EXIT_DONE;
	case COMMAND_DESTINATIONS:
		return run_destinations(&options);
	case COMMAND_PORT:
		return run_port(&options);
	default:
		return run(&options);
	}
}
