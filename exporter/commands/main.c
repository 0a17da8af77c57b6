// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/binds.h"
#include "collectors/kernel/bind_buckets.h"
#include "collectors/views/views.h"
#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/base/version.h"
#include "exporter/commands/buckets.h"
#include "exporter/commands/check_config.h"
#include "exporter/commands/destinations.h"
#include "exporter/commands/healthcheck.h"
#include "exporter/commands/options.h"
#include "exporter/commands/port.h"
#include "exporter/commands/process_addresses.h"
#include "exporter/commands/trace.h"
#include "exporter/daemon/serve.h"
#include "exporter/scrape/scraper.h"

#define MMAP_THRESHOLD (256 * 1024)

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

struct printed {
	const struct options *options;
	bool failed;
};

/* text ends in a new line, as the format wants. */
static void make_lines_printable(struct text *text)
{
	char *line = text->data;

	for (char *end; (end = memchr(line, '\n', text->length - (size_t)(line - text->data)));) {
		*end = '\0';
		text_make_printable(line);
		*end = '\n';
		line = end + 1;
	}
}

static void print_result(void *context, const struct scrape_result *result)
{
	struct printed *printed = context;
	struct text text = {0};

	int error = scrape_write(result, printed->options->enabled, EXPOSITION_TEXT_0_0_4, &text);

	/* The format has no escape for what others named; a person needs none of it exact. */
	if (error == 0 && isatty(STDOUT_FILENO))
		make_lines_printable(&text);
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
	for (size_t i = 0; options->serve.enable_api && i < VIEWS; i++) {
		observers->list[observers->length] = views[i];
		observers->enabled |= (collector_set)1 << observers->length;
		if (i == VIEW_DESTINATIONS)
			observers->values[observers->length][0] = VIEW_DESTINATIONS_LIMIT;
		observers->length++;
	}
}

static int run_serve(const struct options *options, struct scraper *scraper, struct self *self)
{
	struct serve_options serve_options = options->serve;

	serve_options.enabled = options->enabled;
	serve_options.procfs = options->procfs;
	serve_options.sysfs = options->sysfs;
	serve_options.source = options->source;
	return serve(&serve_options, scraper, self) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int run(const struct options *options)
{
	const unsigned long *binds = options->values[collector_find("binds")];
	struct self *self = self_new(options->disable_exporter_metrics);
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
		    .node_ports = options->source.node_ports,
		    .sysfs = options->sysfs,
		    .refresh_sockets = binds[BINDS_REFRESH_SOCKETS],
		    .refresh_seconds = (unsigned)binds[BINDS_REFRESH_SECONDS],
		    .bind_buckets = options->source.buckets,
		},
	    .source = options->source,
	    .limit = {(double)options->serve.max_walks_per_second,
		self ? self_refusals(self) : NULL},
	};
	struct scraper *scraper = NULL;
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
		status = run_serve(options, scraper, self);
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

/* What looks at sockets; BPF programs are loaded now, with all privileges that there are. */
static int look(struct options *options)
{
	int status;

	buckets_open(options);
	switch (options->command) {
	case COMMAND_DESTINATIONS:
		status = run_destinations(options);
		break;
	case COMMAND_PORT:
		status = run_port(options);
		break;
	case COMMAND_SERVE:
		/* Now: each lookup would bind a socket for it, which the sandbox forbids. */
		source_probe(&options->source);
		status = run(options);
		break;
	default:
		status = run(options);
	}
	bind_buckets_close(options->source.buckets);
	return status;
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
	case COMMAND_TRACE:
		return run_trace(&options);
	case COMMAND_CHECK_CONFIG:
		return check_config(options.checked) < 0 ? EXIT_FAILED : EXIT_DONE;
	case COMMAND_HEALTHCHECK:
		if (options.process)
			process_addresses(options.procfs, options.process, options.serve.addresses,
			    &options.serve.addresses_length);
		return healthcheck(options.serve.addresses, options.serve.addresses_length,
			   options.ready) < 0
			   ? EXIT_FAILED
			   : EXIT_DONE;
	default:
		return look(&options);
	}
}
