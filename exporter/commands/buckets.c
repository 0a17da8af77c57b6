// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/buckets.h"

#include <string.h>

#include "collectors/binds.h"
#include "collectors/kernel/bind_buckets.h"
#include "exporter/base/log.h"

static bool is_wanted(const struct options *options, bool wherever)
{
	const unsigned long asked = options->values[collector_find("binds")][BINDS_BUCKETS];

	/* The sockets of a replay are from another host or another time. */
	if (options->source.replay)
		return false;
	if (asked != BINDS_BUCKETS_BY_DEFAULT)
		return asked;
	/* With --sockets.source=procfs show only what /proc has. */
	return wherever ? options->source.kind != SOURCE_PROCFS
			: options_has_collector(options, "exhaustion");
}

void buckets_open(struct options *options, bool wherever)
{
	const bool is_asked_for = options->values[collector_find("binds")][BINDS_BUCKETS] == 1;
	const char *reason;

	if (!is_wanted(options, wherever))
		return;

	const int result = bind_buckets_open(&options->source.buckets, &reason);

	/* If --collector.exhaustion asked for it, its collector says why. */
	if (result < 0)
		log_line(is_asked_for ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
		    "Cannot see which ports bind() took before connect()", "flag",
		    "--collector.binds.buckets", "err", strerrordesc_np(-result), "reason", reason,
		    NULL);
}
