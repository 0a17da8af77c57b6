// SPDX-License-Identifier: Apache-2.0
/* `ephemera`, without a command: the service. */
#include <string.h>

#include "collectors/kernel/conntrack.h"
#include "collectors/snat.h"
#include "exporter/base/log.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/with_scraper.h"
#include "exporter/daemon/inherited.h"
#include "exporter/daemon/serve.h"
#include "exporter/daemon/systemd.h"

static unsigned rights_of(const struct options *options)
{
	unsigned rights = 0;

	for (size_t i = 0; i < collectors_length; i++)
		if (options->enabled >> i & 1 && collectors[i]->rights)
			rights |= collectors[i]->rights(options->values[i]);
	return rights;
}

/*
 * For the API, apart from the collector's: who reads a file moves the other's place in it. Where it
 * cannot be opened, the collector says why.
 */
static struct conntrack *open_conntrack(const struct options *options)
{
	struct conntrack *conntrack = NULL;

	if (options->serve.enable_api && options_has_collector(options, "snat") &&
	    !options->source.replay)
		(void)snat_open(options_values(options, "snat"), options->procfs, &conntrack);
	return conntrack;
}

static int serve_metrics(const struct options *options, struct scraper *scraper, struct self *self)
{
	struct serve_options serve_options = options->serve;

	serve_options.enabled = options->enabled;
	serve_options.rights = rights_of(options);
	serve_options.procfs = options->procfs;
	serve_options.sysfs = options->sysfs;
	serve_options.source = options->source;
	serve_options.all_namespaces = options->all_namespaces;
	serve_options.conntrack = open_conntrack(options);

	const int result = serve(&serve_options, scraper, self);

	conntrack_close(serve_options.conntrack);
	return result < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* What a parent forgot would be open to an attacker as well: files, sockets, pipes. */
static void close_inherited(const struct options *options)
{
	const size_t sockets = options->serve.systemd_socket ? systemd_count_sockets() : 0;
	const int result = inherited_close(sockets);

	if (result < 0)
		log_line(LOG_LEVEL_WARN, "Cannot close the descriptors of the parent process",
		    "err", strerrordesc_np(-result), NULL);
}

static int run_serve(struct options *options)
{
	/* First, since what is closed here must not be ours. */
	close_inherited(options);
	if (kernel_tables_open(options, KERNEL_TABLES_SERVICE) < 0)
		return EXIT_FAILED;
	/* Now: each lookup would bind a socket to find out, which the sandbox forbids. */
	source_probe(&options->source);

	const int status = with_scraper(options, serve_metrics);

	kernel_tables_close(options);
	return status;
}

static const struct command_example examples[] = {
    {"Serve only on this host, with the live map of ports",
	"ephemera --web.listen-address=127.0.0.1:10059 --web.enable-api"},
    {"Serve the ports of every network namespace of the host", "ephemera --namespaces=all"},
    {NULL, NULL},
};

const struct command serve_command = {
    .help = "serve metrics over HTTP",
    .examples = examples,
    .takes_flags = true,
    .has_all_flags = true,
    .run = run_serve,
};
