// SPDX-License-Identifier: Apache-2.0
/* `ephemera metrics`: one scrape. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/with_scraper.h"

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

static int print_metrics(const struct options *options, struct scraper *scraper, struct self *self)
{
	struct printed printed = {.options = options};
	(void)self;

	scraper_warn_of_view(scraper);

	const int result = scraper_run(scraper, options->enabled, print_result, &printed);

	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "Scrape failed", "err", strerrordesc_np(-result), NULL);
	return result < 0 || printed.failed ? EXIT_FAILED : EXIT_DONE;
}

static int run_metrics(struct options *options)
{
	if (kernel_tables_open(options, KERNEL_TABLES_SCRAPE) < 0)
		return EXIT_FAILED;

	const int status = with_scraper(options, print_metrics);

	kernel_tables_close(options);
	return status;
}

static const struct command_example examples[] = {
    {"Look at one collector's metrics",
	"ephemera metrics --collector.disable-defaults --collector.range"},
    {"Record a host's sockets, and look at them on another",
	"ephemera metrics --sockets.record=sockets.dump\n"
	"ephemera destinations --sockets.replay=sockets.dump"},
    {NULL, NULL},
};

const struct command metrics_command = {
    .name = "metrics",
    .help = "print one scrape; exit status 1 if a collector failed",
    .examples = examples,
    .takes_flags = true,
    .has_all_flags = true,
    .run = run_metrics,
};
