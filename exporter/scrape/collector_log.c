// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/collector_log.h"

#include <string.h>

#include "collectors/registry.h"
#include "exporter/base/log.h"

void collector_log_failure(size_t i, int error, const char *reason)
{
	log_line(LOG_LEVEL_ERROR, "Collector failed", "collector", collectors[i]->name, "err",
	    strerrordesc_np(-error), "reason", reason, NULL);
}

void collector_log_missing(size_t i, const char *reason)
{
	log_line(LOG_LEVEL_INFO, "The collector works without a part of its metrics", "collector",
	    collectors[i]->name, "reason", reason, NULL);
}
