// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/with_scraper.h"

#include <errno.h>
#include <string.h>

#include "collectors/binds.h"
#include "collectors/views/views.h"
#include "exporter/base/log.h"
#include "exporter/commands/commands.h"

/* The registry's collectors, then, if the API is on, the views. */
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

int with_scraper(const struct options *options, scraper_use *use)
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
		    .pods = options->pods,
		    .refresh_sockets = binds[BINDS_REFRESH_SOCKETS],
		    .refresh_seconds = (unsigned)binds[BINDS_REFRESH_SECONDS],
		    .bind_buckets = options->source.buckets,
		    .namespaces = options->all_namespaces ? &options->namespaces : NULL,
		    /* The sockets of a replay are from another host or another time. */
		    .lease_starts = options->serve.enable_api && !options->source.replay,
		    .failure_events = options->serve.enable_api,
		},
	    .source = options->source,
	    .limit = {(double)options->serve.max_walks_per_second,
		self ? self_refusals(self) : NULL},
	    .keeps_history = options->serve.enable_api,
	};
	struct scraper *scraper = NULL;
	const int result = self ? scraper_new(&scraper_options, self, &scraper) : -ENOMEM;
	int status = EXIT_FAILED;

	if (result < 0) {
		const char *file =
		    options->source.replay ? options->source.replay : options->source.record;

		log_line(LOG_LEVEL_ERROR, "Cannot start", "err", strerrordesc_np(-result),
		    file ? "file" : NULL, file, NULL);
	} else {
		status = use(options, scraper, self);
	}
	scraper_free(scraper);
	self_free(self);
	return status;
}
