// SPDX-License-Identifier: Apache-2.0
/* How people write ports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/port_expression.h"
#include "fuzz.h"

/* Every port is asked for in one of two ways, and only a port that is asked for is named. */
static void check(const struct port_asked *asked)
{
	struct portset rest = asked->ports;
	struct portset named = asked->named;

	portset_remove(&named, &asked->ports);
	FUZZ_CHECK(portset_count(&named) == 0);
	FUZZ_CHECK(asked->length <= PORT_TERMS_MAX);
	for (size_t i = 0; i < asked->length; i++) {
		struct portset term = {0};

		FUZZ_CHECK(asked->terms[i].has_protocol || asked->terms[i].has_address);
		FUZZ_CHECK(asked->terms[i].range.first <= asked->terms[i].range.last);
		portset_add_range(&term, asked->terms[i].range);
		portset_remove(&rest, &term);
	}
	portset_remove(&rest, &asked->whole);
	FUZZ_CHECK(portset_count(&rest) == 0);
	FUZZ_CHECK(!portset_has(&asked->ports, 0));
}

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

	struct port_asked asked = {0};

	if (!port_expression_add(&asked, text))
		FUZZ_CHECK(portset_count(&asked.ports) > 0);
	check(&asked);
	free(text);
	return 0;
}
