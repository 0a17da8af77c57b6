// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/remarks.h"

#include "collectors/gather.h"
#include "exporter/base/log.h"

void remarks_log(const struct gatherer *gatherer)
{
	for (size_t i = 0; i < collectors_length; i++) {
		const char *reason = NULL;
		const char *remark = gatherer_remark(gatherer, i);

		/* If it fails, the log says that instead. */
		if (remark && gatherer_check(gatherer, i, &reason) == 0)
			log_line(LOG_LEVEL_INFO, "Collector makes an assumption", "collector",
			    collectors[i]->name, "reason", remark, NULL);
	}
}
