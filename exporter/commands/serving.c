// SPDX-License-Identifier: Apache-2.0
/* `ephemera`, without a command: the service. */
#include "exporter/commands/buckets.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/with_scraper.h"
#include "exporter/daemon/serve.h"

static int serve_metrics(const struct options *options, struct scraper *scraper, struct self *self)
{
	struct serve_options serve_options = options->serve;

	serve_options.enabled = options->enabled;
	serve_options.procfs = options->procfs;
	serve_options.sysfs = options->sysfs;
	serve_options.source = options->source;
	return serve(&serve_options, scraper, self) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int run_serve(struct options *options)
{
	buckets_open(options, false);
	/* Now: each lookup would bind a socket to find out, which the sandbox forbids. */
	source_probe(&options->source);
	return with_scraper(options, serve_metrics);
}

const struct command serve_command = {
    .help = "serve metrics over HTTP",
    .takes_flags = true,
    .run = run_serve,
};
