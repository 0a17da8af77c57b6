// SPDX-License-Identifier: Apache-2.0
/* A scrape's query: collect[] and exclude[]. */
#include <stdlib.h>
#include <string.h>

#include "exporter/web/query.h"
#include "fuzz.h"

static void add(void *query, const char *key, const char *value)
{
	query_add(query, key, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const collector_set all = ((collector_set)1 << collectors_length) - 1;
	/* The last one is off. */
	struct query query = {.enabled = all >> 1};
	char *text = fuzz_string(data, size);
	collector_set asked = 0;

	fuzz_parameters(text, add, &query);
	free(text);
	if (query_finish(&query, &asked)) {
		FUZZ_CHECK((asked & ~query.enabled) == 0);
		FUZZ_CHECK(!query.error[0]);
	} else {
		FUZZ_CHECK(query.error[0] && memchr(query.error, '\0', sizeof(query.error)));
		FUZZ_CHECK(fuzz_is_printable(query.error));
	}
	return 0;
}
