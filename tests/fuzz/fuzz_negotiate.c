// SPDX-License-Identifier: Apache-2.0
/* The values of Accept and Accept-Encoding. */
#include <stdlib.h>
#include <string.h>

#include "exporter/web/negotiate.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *header = fuzz_string(data, size);
	const struct exposition_choice choice = negotiate_format(header);
	char type[EXPOSITION_CONTENT_TYPE];

	(void)negotiate_gzip(header);
	free(header);
	FUZZ_CHECK(choice.format <= EXPOSITION_OPENMETRICS_1_0_0);
	/* What is said back is one of our words, never the client's. */
	FUZZ_CHECK(!choice.escaping || strcmp(choice.escaping, "allow-utf-8") == 0 ||
		   strcmp(choice.escaping, "values") == 0 ||
		   strcmp(choice.escaping, "underscores") == 0);
	FUZZ_CHECK(!choice.escaping || choice.format != EXPOSITION_TEXT_0_0_4);
	exposition_content_type(choice, type);
	FUZZ_CHECK(memchr(type, '\0', sizeof(type)) && strstr(type, "charset=utf-8"));
	return 0;
}
