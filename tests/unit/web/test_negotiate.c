// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/negotiate.h"

#include <string.h>

#include "guard_page.h"
#include "unit.h"

#define TEXT_0 EXPOSITION_TEXT_0_0_4
#define TEXT_1 EXPOSITION_TEXT_1_0_0
#define OPENMETRICS EXPOSITION_OPENMETRICS_1_0_0

struct wanted {
	const char *accept;
	enum exposition_format format;
	const char *escaping;
};

static void assert_choice(const struct wanted *wanted)
{
	struct guarded guarded = {0};
	const char *accept = NULL;

	if (wanted->accept) {
		guarded = guard(wanted->accept, strlen(wanted->accept) + 1, 1);
		accept = guarded.bytes;
	}

	const struct exposition_choice choice = negotiate_format(accept);

	if (choice.format != wanted->format)
		fail_msg("Accept: %s: format %d", wanted->accept, choice.format);
	if (!wanted->escaping != !choice.escaping ||
	    (wanted->escaping && strcmp(wanted->escaping, choice.escaping) != 0))
		fail_msg("Accept: %s: escaping %s", wanted->accept,
		    choice.escaping ? choice.escaping : "none");
	if (guarded.mapping)
		guard_free(&guarded);
}

/* What scrapers really send. */
static void prometheus_gets_what_it_asks_for(void **state)
{
	static const struct wanted cases[] = {
	    /* 3.x */
	    {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
	     "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
	     "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		OPENMETRICS, "allow-utf-8"},
	    {"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,"
	     "*/*;q=0.1",
		TEXT_1, "allow-utf-8"},
	    /* 2.42 */
	    {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
	     "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		OPENMETRICS, NULL},
	    /* 1.x */
	    {"text/plain;version=0.0.4;q=0.3,*/*;q=0.2", TEXT_0, NULL},
	    /* curl, a browser */
	    {"*/*", TEXT_0, NULL},
	    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT_0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_choice(&cases[i]);
}

static void nothing_that_fits_is_the_oldest_format(void **state)
{
	static const char *const headers[] = {NULL, "", " ", ",", ",,;,", ";", "=", "q=1",
	    "nonsense", "application/json", "application/openmetrics-text;version=2.0.0",
	    "application/openmetrics-text;version=", "text/plain;version=9", "text/",
	    "application/openmetrics-text;q=0", "application/openmetrics-text;q=0.000",
	    "application/openmetrics-text;q=2", "application/openmetrics-text;q=-1",
	    "application/openmetrics-text;q=", "application/openmetrics-text;q=x",
	    "application/openmetrics-text;q=0.1234", "application/openmetrics-text;q=1.001",
	    "application/openmetrics-textual", "xapplication/openmetrics-text",
	    "application/openmetrics-text;q=1;q=0"};

	(void)state;
	for (size_t i = 0; i < LENGTH(headers); i++)
		assert_choice(&(struct wanted){headers[i], TEXT_0, NULL});
}

static void quality_decides_and_then_the_order(void **state)
{
	static const struct wanted cases[] = {
	    {"text/plain;version=0.0.4,application/openmetrics-text", TEXT_0, NULL},
	    {"application/openmetrics-text,text/plain;version=0.0.4", OPENMETRICS, NULL},
	    {"text/plain;q=0.5,application/openmetrics-text;q=0.6", OPENMETRICS, NULL},
	    {"application/openmetrics-text;q=0.5,text/plain;q=0.501", TEXT_0, NULL},
	    {"application/openmetrics-text;q=0.5,text/plain;version=1.0.0;q=1.000", TEXT_1,
		"underscores"},
	    {"application/openmetrics-text;q=0.001", OPENMETRICS, NULL},
	    {"application/openmetrics-text;q=0.", TEXT_0, NULL},
	    {"application/openmetrics-text;q=1.", OPENMETRICS, NULL},
	    {"application/openmetrics-text;q=0,text/plain;version=1.0.0;q=0.1", TEXT_1,
		"underscores"},
	    {"text/*;q=0.9,application/openmetrics-text;q=0.8", TEXT_0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_choice(&cases[i]);
}

static void blanks_case_and_quotes_do_not_matter(void **state)
{
	static const struct wanted cases[] = {
	    {" application/openmetrics-text ; version = 1.0.0 ; q = 0.5 , */* ; q=0.1", OPENMETRICS,
		NULL},
	    {"\tAPPLICATION/OpenMetrics-Text;VERSION=\"1.0.0\";Q=1", OPENMETRICS, NULL},
	    {"text/plain;version=\"1.0.0\";escaping=\"values\"", TEXT_1, "values"},
	    {"application/openmetrics-text;charset=utf-8;version=1.0.0", OPENMETRICS, NULL},
	    {"application/openmetrics-text;version", OPENMETRICS, NULL},
	    {",,application/openmetrics-text,,", OPENMETRICS, NULL},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_choice(&cases[i]);
}

static void escaping_is_confirmed(void **state)
{
	static const struct wanted cases[] = {
	    {"text/plain;version=1.0.0", TEXT_1, "underscores"},
	    {"text/plain;version=1.0.0;escaping=underscores", TEXT_1, "underscores"},
	    {"text/plain;version=1.0.0;escaping=dots", TEXT_1, "underscores"},
	    {"text/plain;version=1.0.0;escaping=values", TEXT_1, "values"},
	    {"text/plain;version=0.0.4;escaping=values", TEXT_0, NULL},
	    {"application/openmetrics-text;version=1.0.0;escaping=values", OPENMETRICS, "values"},
	    {"application/openmetrics-text;escaping=nonsense", OPENMETRICS, "underscores"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_choice(&cases[i]);
}

static void every_prefix_of_a_header_is_read_within_its_bounds(void **state)
{
	static const char header[] = "text/plain;version=\"1.0.0\";q=0.5 , */*;q=1;x=\"";

	(void)state;
	for (size_t length = 0; length < sizeof(header); length++) {
		char prefix[sizeof(header)] = "";

		memcpy(prefix, header, length);

		struct guarded guarded = guard(prefix, strlen(prefix) + 1, 1);

		assert_true(negotiate_format(guarded.bytes).format <= OPENMETRICS);
		(void)negotiate_gzip(guarded.bytes);
		guard_free(&guarded);
	}
}

static void gzip_where_it_is_wanted(void **state)
{
	static const struct {
		const char *header;
		bool wanted;
	} cases[] = {
	    {NULL, false},
	    {"", false},
	    {"gzip", true},
	    {"GZIP", true},
	    {"x-gzip", true},
	    {"gzip, deflate, br", true},
	    {"deflate, gzip;q=0.5", true},
	    {"gzip;q=0", false},
	    {"gzip;q=0.000", false},
	    {"gzip;q=0.001", true},
	    {"gzip;q=0, *", false},
	    {"*;q=0, gzip", true},
	    {"*", true},
	    {"*;q=0", false},
	    {"identity", false},
	    {"identity;q=0", false},
	    {"deflate", false},
	    {"gzipped", false},
	    {"xgzip", false},
	    {" gzip ; q=1 ", true},
	    {"zstd,br", false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (negotiate_gzip(cases[i].header) != cases[i].wanted)
			fail_msg("Accept-Encoding: %s", cases[i].header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prometheus_gets_what_it_asks_for),
	    cmocka_unit_test(nothing_that_fits_is_the_oldest_format),
	    cmocka_unit_test(quality_decides_and_then_the_order),
	    cmocka_unit_test(blanks_case_and_quotes_do_not_matter),
	    cmocka_unit_test(escaping_is_confirmed),
	    cmocka_unit_test(every_prefix_of_a_header_is_read_within_its_bounds),
	    cmocka_unit_test(gzip_where_it_is_wanted),
	};

	return cmocka_run_group_tests_name("negotiate", tests, NULL, NULL);
}
