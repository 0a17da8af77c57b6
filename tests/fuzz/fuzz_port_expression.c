// SPDX-License-Identifier: Apache-2.0
/* How people write ports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/port_expression.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	struct port_range range;
	struct port_range again;
	char written[16];

	if (!port_expression_parse(text, &range)) {
		FUZZ_CHECK(range.first >= 1 && range.first <= range.last);
		FUZZ_CHECK(strchr(text, '-') || range.first == range.last);
		snprintf(written, sizeof(written), "%u-%u", range.first, range.last);
		FUZZ_CHECK(!port_expression_parse(written, &again));
		FUZZ_CHECK(again.first == range.first && again.last == range.last);
	}
	free(text);
	return 0;
}
