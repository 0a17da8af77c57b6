// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/exposition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/utf8.h"
#include "unit.h"

static const struct metric_family plain = {
    .name = "ephemera_plain", .help = "A plain one.", .type = METRIC_GAUGE};
static const struct metric_family labelled = {.name = "ephemera_labelled_ports",
    .help = "A \"labelled\" one: back\\slash,\nnew line.",
    .type = METRIC_GAUGE,
    .labels = {"one", "two"}};
static const struct metric_family counter = {.name = "ephemera_things_total",
    .help = "A counter.",
    .type = METRIC_COUNTER,
    .labels = {"code"}};
static const struct metric_family cpu = {
    .name = "process_cpu_seconds_total", .help = "CPU.", .type = METRIC_COUNTER};
static const struct metric_family broken_help = {
    .name = "ephemera_broken", .help = "caf\xe9 \xc3\xa9", .type = METRIC_GAUGE};
static const struct metric_family lease = {.name = "ephemera_lease_seconds",
    .help = "A histogram.",
    .type = METRIC_HISTOGRAM,
    .labels = {"one", "two"}};
static const struct metric_family interval = {
    .name = "ephemera_interval_seconds", .help = "Another one.", .type = METRIC_HISTOGRAM};

static const struct metric_family *const families[] = {
    &plain, &labelled, &counter, &lease, &interval, &cpu, &broken_help, NULL};

static struct metric_set *set;

static int set_up(void **state)
{
	(void)state;
	set = metric_set_new();
	return set ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	metric_set_free(set);
	return 0;
}

static void assert_written(enum exposition_format format, const char *wanted)
{
	struct text text = {0};

	exposition_write(&text, format, set, families);
	exposition_end(&text, format);
	text_add_char(&text, '\0');
	assert_result(text.error, 0);
	assert_string_equal(text.data, wanted);
	free(text.data);
}

static void an_empty_set_is_empty(void **state)
{
	(void)state;
	assert_written(EXPOSITION_TEXT_0_0_4, "");
	assert_written(EXPOSITION_TEXT_1_0_0, "");
	assert_written(EXPOSITION_OPENMETRICS_1_0_0, "# EOF\n");
}

static void samples_are_grouped_by_family_in_its_order(void **state)
{
	static const char wanted[] = "# HELP ephemera_plain A plain one.\n"
				     "# TYPE ephemera_plain gauge\n"
				     "ephemera_plain 1\n"
				     "# HELP ephemera_things_total A counter.\n"
				     "# TYPE ephemera_things_total counter\n"
				     "ephemera_things_total{code=\"200\"} 2\n"
				     "ephemera_things_total{code=\"404\"} 3\n";

	(void)state;
	metric_add(set, &counter, 2, METRIC_LABELS("200"));
	metric_add(set, &plain, 1, METRIC_NO_LABELS);
	metric_add(set, &counter, 3, METRIC_LABELS("404"));
	assert_written(EXPOSITION_TEXT_0_0_4, wanted);
	assert_written(EXPOSITION_TEXT_1_0_0, wanted);
}

static void only_the_families_asked_for_are_written(void **state)
{
	static const struct metric_family *const one[] = {&plain, NULL};
	struct text text = {0};

	(void)state;
	metric_add(set, &counter, 2, METRIC_LABELS("200"));
	exposition_write(&text, EXPOSITION_TEXT_0_0_4, set, one);
	assert_int_equal(text.length, 0);
	free(text.data);
}

static void openmetrics_names_counters_and_units_its_own_way(void **state)
{
	(void)state;
	metric_add(set, &counter, 2, METRIC_LABELS("200"));
	metric_add(set, &cpu, 0.25, METRIC_NO_LABELS);
	metric_add(set, &plain, 1, METRIC_NO_LABELS);
	assert_written(EXPOSITION_OPENMETRICS_1_0_0, "# HELP ephemera_plain A plain one.\n"
						     "# TYPE ephemera_plain gauge\n"
						     "ephemera_plain 1\n"
						     "# HELP ephemera_things A counter.\n"
						     "# TYPE ephemera_things counter\n"
						     "ephemera_things_total{code=\"200\"} 2\n"
						     "# HELP process_cpu_seconds CPU.\n"
						     "# TYPE process_cpu_seconds counter\n"
						     "# UNIT process_cpu_seconds seconds\n"
						     "process_cpu_seconds_total 0.25\n"
						     "# EOF\n");
}

static void help_is_escaped_as_the_format_wants_it(void **state)
{
	(void)state;
	metric_add(set, &labelled, 1, METRIC_LABELS("a", "b"));
	assert_written(EXPOSITION_TEXT_0_0_4,
	    "# HELP ephemera_labelled_ports A \"labelled\" one: back\\\\slash,\\nnew line.\n"
	    "# TYPE ephemera_labelled_ports gauge\n"
	    "ephemera_labelled_ports{one=\"a\",two=\"b\"} 1\n");
	assert_written(EXPOSITION_OPENMETRICS_1_0_0,
	    "# HELP ephemera_labelled_ports A \\\"labelled\\\" one: back\\\\slash,\\nnew line.\n"
	    "# TYPE ephemera_labelled_ports gauge\n"
	    "# UNIT ephemera_labelled_ports ports\n"
	    "ephemera_labelled_ports{one=\"a\",two=\"b\"} 1\n"
	    "# EOF\n");
}

static void label_values_are_escaped(void **state)
{
	static const char *const samples[][2] = {
	    {"", ""},
	    {"\"", "\\\""},
	    {"\\", "\\\\"},
	    {"\n", "\\n"},
	    {"\\n", "\\\\n"},
	    {"a\"b\\c\nd", "a\\\"b\\\\c\\nd"},
	    {"\t{},= ", "\t{},= "},
	    {"caf\xc3\xa9", "caf\xc3\xa9"},
	    {"caf\xe9", "caf" UTF8_REPLACEMENT},
	    {"\xe9\"", UTF8_REPLACEMENT "\\\""}, /* the quote is no part of it */
	    {"\xff\n\xc3", UTF8_REPLACEMENT "\\n" UTF8_REPLACEMENT},
	    {"\xed\xa0\x80", UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(samples); i++) {
		struct text wanted = {0};

		metric_set_roll_back(set, 0);
		metric_add(set, &counter, 1, METRIC_LABELS(samples[i][0]));
		text_add_string(&wanted, "# HELP ephemera_things_total A counter.\n"
					 "# TYPE ephemera_things_total counter\n"
					 "ephemera_things_total{code=\"");
		text_add_string(&wanted, samples[i][1]);
		text_add_string(&wanted, "\"} 1\n");
		text_add_char(&wanted, '\0');
		assert_written(EXPOSITION_TEXT_0_0_4, wanted.data);
		assert_written(EXPOSITION_TEXT_1_0_0, wanted.data);
		free(wanted.data);
	}
}

/* Of a network namespace, say. A family's own label of that name counts more. */
static void surrounding_labels_come_first(void **state)
{
	char pod[] = "a";
	const struct metric_label around[] = {
	    {"netns", ""}, {"pod", pod}, {"one", "no"}, {"node", NULL}, {NULL, NULL}};
	const uint64_t counts[] = {1, 0};
	const double bounds[] = {1};
	const struct metric_histogram histogram = {bounds, 1, counts, 2};

	(void)state;
	metric_add(set, &plain, 1, METRIC_NO_LABELS);
	metric_set_surround(set, around);
	strcpy(pod, "b");
	metric_add(set, &plain, 2, METRIC_NO_LABELS);
	metric_add(set, &labelled, 3, METRIC_LABELS("x", "y"));
	metric_add_histogram(set, &interval, &histogram, METRIC_NO_LABELS);
	metric_set_surround(set, NULL);
	metric_add(set, &plain, 4, METRIC_NO_LABELS);
	assert_written(EXPOSITION_TEXT_0_0_4,
	    "# HELP ephemera_plain A plain one.\n"
	    "# TYPE ephemera_plain gauge\n"
	    "ephemera_plain 1\n"
	    "ephemera_plain{netns=\"\",pod=\"a\",one=\"no\"} 2\n"
	    "ephemera_plain 4\n"
	    "# HELP ephemera_labelled_ports A \"labelled\" one: back\\\\slash,\\nnew line.\n"
	    "# TYPE ephemera_labelled_ports gauge\n"
	    "ephemera_labelled_ports{netns=\"\",pod=\"a\",one=\"x\",two=\"y\"} 3\n"
	    "# HELP ephemera_interval_seconds Another one.\n"
	    "# TYPE ephemera_interval_seconds histogram\n"
	    "ephemera_interval_seconds_bucket{netns=\"\",pod=\"a\",one=\"no\",le=\"1.0\"} 1\n"
	    "ephemera_interval_seconds_bucket{netns=\"\",pod=\"a\",one=\"no\",le=\"+Inf\"} 1\n"
	    "ephemera_interval_seconds_sum{netns=\"\",pod=\"a\",one=\"no\"} 2\n"
	    "ephemera_interval_seconds_count{netns=\"\",pod=\"a\",one=\"no\"} 1\n");
}

/* What was rolled back takes nothing of what surrounds the samples before and after. */
static void surrounding_labels_survive_a_roll_back(void **state)
{
	const struct metric_label around[] = {{"pod", "a"}, {NULL, NULL}};
	size_t mark;

	(void)state;
	metric_set_surround(set, around);
	mark = metric_set_mark(set);
	metric_add(set, &labelled, 1, METRIC_LABELS("x", "y"));
	metric_set_roll_back(set, mark);
	metric_add(set, &labelled, 2, METRIC_LABELS("x", "z"));
	metric_add(set, &plain, 3, METRIC_NO_LABELS);
	assert_written(EXPOSITION_TEXT_0_0_4,
	    "# HELP ephemera_plain A plain one.\n"
	    "# TYPE ephemera_plain gauge\n"
	    "ephemera_plain{pod=\"a\"} 3\n"
	    "# HELP ephemera_labelled_ports A \"labelled\" one: back\\\\slash,\\nnew line.\n"
	    "# TYPE ephemera_labelled_ports gauge\n"
	    "ephemera_labelled_ports{pod=\"a\",one=\"x\",two=\"z\"} 2\n");
}

static void invalid_utf8_in_help_is_replaced(void **state)
{
	(void)state;
	metric_add(set, &broken_help, 1, METRIC_NO_LABELS);
	assert_written(EXPOSITION_TEXT_0_0_4,
	    "# HELP ephemera_broken caf" UTF8_REPLACEMENT " \xc3\xa9\n"
	    "# TYPE ephemera_broken gauge\n"
	    "ephemera_broken 1\n");
}

static void values_are_written_exactly(void **state)
{
	(void)state;
	metric_add(set, &plain, 1.0 / 3, METRIC_NO_LABELS);
	metric_add(set, &plain, 1e6, METRIC_NO_LABELS);
	metric_add(set, &plain, NAN, METRIC_NO_LABELS);
	metric_add(set, &plain, -INFINITY, METRIC_NO_LABELS);
	assert_written(EXPOSITION_TEXT_0_0_4, "# HELP ephemera_plain A plain one.\n"
					      "# TYPE ephemera_plain gauge\n"
					      "ephemera_plain 0.3333333333333333\n"
					      "ephemera_plain 1000000\n"
					      "ephemera_plain NaN\n"
					      "ephemera_plain -Inf\n");
}

static void add_histogram(const struct metric_family *family, const uint64_t counts[4], double sum,
    const char *const labels[METRIC_LABELS_MAX + 1])
{
	static const double bounds[] = {0.001, 1, 86400};

	metric_add_histogram(
	    set, family, &(struct metric_histogram){bounds, 3, counts, sum}, labels);
	assert_result(metric_set_error(set), 0);
}

#define COUNTS(...) ((const uint64_t[4]){__VA_ARGS__})

static void a_histogram_has_buckets_sum_and_count(void **state)
{
	static const char samples[] = "ephemera_interval_seconds_bucket{le=\"0.001\"} 0\n"
				      "ephemera_interval_seconds_bucket{le=\"1.0\"} 2\n"
				      "ephemera_interval_seconds_bucket{le=\"86400.0\"} 2\n"
				      "ephemera_interval_seconds_bucket{le=\"+Inf\"} 5\n"
				      "ephemera_interval_seconds_sum 300000.5\n"
				      "ephemera_interval_seconds_count 5\n";
	struct text wanted = {0};

	(void)state;
	add_histogram(&interval, COUNTS(0, 2, 0, 3), 300000.5, METRIC_NO_LABELS);
	text_add_string(&wanted, "# HELP ephemera_interval_seconds Another one.\n"
				 "# TYPE ephemera_interval_seconds histogram\n");

	const size_t heading = wanted.length;

	text_add(&wanted, samples, sizeof(samples));
	assert_written(EXPOSITION_TEXT_0_0_4, wanted.data);
	assert_written(EXPOSITION_TEXT_1_0_0, wanted.data);
	wanted.length = heading;
	text_add_string(&wanted, "# UNIT ephemera_interval_seconds seconds\n");
	text_add_string(&wanted, samples);
	text_add(&wanted, "# EOF\n", sizeof("# EOF\n"));
	assert_written(EXPOSITION_OPENMETRICS_1_0_0, wanted.data);
	free(wanted.data);
}

static void histograms_of_a_family_come_one_by_one(void **state)
{
	(void)state;
	add_histogram(&lease, COUNTS(1, 2, 3, 4), 7, METRIC_LABELS("a\"", ""));
	metric_add(set, &plain, 1, METRIC_NO_LABELS);
	add_histogram(&lease, COUNTS(0, 0, 0, 0), 0, METRIC_LABELS("", "\xe9"));
	assert_written(EXPOSITION_TEXT_0_0_4,
	    "# HELP ephemera_plain A plain one.\n"
	    "# TYPE ephemera_plain gauge\n"
	    "ephemera_plain 1\n"
	    "# HELP ephemera_lease_seconds A histogram.\n"
	    "# TYPE ephemera_lease_seconds histogram\n"
	    "ephemera_lease_seconds_bucket{one=\"a\\\"\",two=\"\",le=\"0.001\"} 1\n"
	    "ephemera_lease_seconds_bucket{one=\"a\\\"\",two=\"\",le=\"1.0\"} 3\n"
	    "ephemera_lease_seconds_bucket{one=\"a\\\"\",two=\"\",le=\"86400.0\"} 6\n"
	    "ephemera_lease_seconds_bucket{one=\"a\\\"\",two=\"\",le=\"+Inf\"} 10\n"
	    "ephemera_lease_seconds_sum{one=\"a\\\"\",two=\"\"} 7\n"
	    "ephemera_lease_seconds_count{one=\"a\\\"\",two=\"\"} 10\n"
	    "ephemera_lease_seconds_bucket{one=\"\",two=\"" UTF8_REPLACEMENT "\",le=\"0.001\"} 0\n"
	    "ephemera_lease_seconds_bucket{one=\"\",two=\"" UTF8_REPLACEMENT "\",le=\"1.0\"} 0\n"
	    "ephemera_lease_seconds_bucket{one=\"\",two=\"" UTF8_REPLACEMENT
	    "\",le=\"86400.0\"} 0\n"
	    "ephemera_lease_seconds_bucket{one=\"\",two=\"" UTF8_REPLACEMENT "\",le=\"+Inf\"} 0\n"
	    "ephemera_lease_seconds_sum{one=\"\",two=\"" UTF8_REPLACEMENT "\"} 0\n"
	    "ephemera_lease_seconds_count{one=\"\",two=\"" UTF8_REPLACEMENT "\"} 0\n");
}

static void large_counts_are_written_in_full(void **state)
{
	(void)state;
	add_histogram(&interval, COUNTS(UINT64_C(9007199254740993), 0, 1, UINT64_C(1) << 63), 1e18,
	    METRIC_NO_LABELS);
	assert_written(EXPOSITION_TEXT_0_0_4,
	    "# HELP ephemera_interval_seconds Another one.\n"
	    "# TYPE ephemera_interval_seconds histogram\n"
	    "ephemera_interval_seconds_bucket{le=\"0.001\"} 9007199254740993\n"
	    "ephemera_interval_seconds_bucket{le=\"1.0\"} 9007199254740993\n"
	    "ephemera_interval_seconds_bucket{le=\"86400.0\"} 9007199254740994\n"
	    "ephemera_interval_seconds_bucket{le=\"+Inf\"} 9232379236109516802\n"
	    "ephemera_interval_seconds_sum 1e+18\n"
	    "ephemera_interval_seconds_count 9232379236109516802\n");
}

static void content_types_say_format_and_escaping(void **state)
{
	static const struct {
		struct exposition_choice choice;
		const char *type;
	} cases[] = {
	    {{EXPOSITION_TEXT_0_0_4, NULL}, "text/plain; version=0.0.4; charset=utf-8"},
	    {{EXPOSITION_TEXT_1_0_0, "underscores"},
		"text/plain; version=1.0.0; charset=utf-8; escaping=underscores"},
	    {{EXPOSITION_TEXT_1_0_0, "allow-utf-8"},
		"text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"},
	    {{EXPOSITION_OPENMETRICS_1_0_0, NULL},
		"application/openmetrics-text; version=1.0.0; charset=utf-8"},
	    {{EXPOSITION_OPENMETRICS_1_0_0, "underscores"},
		"application/openmetrics-text; version=1.0.0; charset=utf-8; "
		"escaping=underscores"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char type[EXPOSITION_CONTENT_TYPE];

		exposition_content_type(cases[i].choice, type);
		assert_string_equal(type, cases[i].type);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(an_empty_set_is_empty),
	    TEST(samples_are_grouped_by_family_in_its_order),
	    TEST(only_the_families_asked_for_are_written),
	    TEST(openmetrics_names_counters_and_units_its_own_way),
	    TEST(help_is_escaped_as_the_format_wants_it),
	    TEST(label_values_are_escaped),
	    TEST(surrounding_labels_come_first),
	    TEST(surrounding_labels_survive_a_roll_back),
	    TEST(invalid_utf8_in_help_is_replaced),
	    TEST(values_are_written_exactly),
	    TEST(a_histogram_has_buckets_sum_and_count),
	    TEST(histograms_of_a_family_come_one_by_one),
	    TEST(large_counts_are_written_in_full),
	    TEST(content_types_say_format_and_escaping),
	};

	return cmocka_run_group_tests_name("exposition", tests, NULL, NULL);
}
