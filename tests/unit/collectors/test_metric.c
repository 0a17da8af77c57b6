// SPDX-License-Identifier: Apache-2.0
#include "collectors/metric.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static const struct metric_family plain = {.name = "plain", .help = "Plain."};
static const struct metric_family labelled = {
    .name = "labelled", .help = "Labelled.", .labels = {"one", "two"}};
static const struct metric_family full = {
    .name = "full", .help = "Full.", .labels = {"a", "b", "c", "d", "e", "f"}};
static const struct metric_family timed = {
    .name = "timed_seconds", .help = "Timed.", .type = METRIC_HISTOGRAM};
static const struct metric_family labelled_timed = {.name = "labelled_timed_seconds",
    .help = "Timed, by two.",
    .type = METRIC_HISTOGRAM,
    .labels = {"one", "two"}};

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

static unsigned count(const struct metric_family *family)
{
	unsigned found = 0;

	for (size_t i = metric_set_next(set, family, METRIC_FIRST); i != METRIC_END;
	     i = metric_set_next(set, family, i))
		found++;
	return found;
}

static void an_empty_set_has_nothing(void **state)
{
	(void)state;
	assert_true(metric_set_next(set, &plain, METRIC_FIRST) == METRIC_END);
	assert_result(metric_set_error(set), 0);
	metric_set_free(NULL);
}

static void samples_come_in_the_order_they_were_added(void **state)
{
	size_t position = METRIC_FIRST;

	(void)state;
	for (int i = 0; i < 1009; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		metric_add(set, &labelled, i, METRIC_LABELS(text, "x"));
		metric_add(set, &plain, -i, METRIC_NO_LABELS);
	}
	for (int i = 0; i < 1009; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		position = metric_set_next(set, &labelled, position);
		assert_true(position != METRIC_END);
		assert_number(metric_set_value(set, position), i);
		assert_string_equal(metric_set_labels(set, position), text);
		assert_string_equal(metric_set_labels(set, position) + strlen(text) + 1, "x");
	}
	assert_true(metric_set_next(set, &labelled, position) == METRIC_END);
	assert_int_equal(count(&plain), 1009);
	assert_result(metric_set_error(set), 0);
}

static void label_values_are_copied(void **state)
{
	char value[] = "before";
	size_t position;

	(void)state;
	metric_add(set, &labelled, 1, METRIC_LABELS(value, ""));
	strcpy(value, "after");
	position = metric_set_next(set, &labelled, METRIC_FIRST);
	assert_string_equal(metric_set_labels(set, position), "before");
}

static void label_values_keep_whatever_bytes(void **state)
{
	static const char odd[] = "\"\\\n\t\xff\xc3\x28\x01";
	static const char *const values[] = {"", odd, "c", "", "e", "f", NULL};
	const char *at;

	(void)state;
	metric_add(set, &full, 1, values);
	at = metric_set_labels(set, metric_set_next(set, &full, METRIC_FIRST));
	for (size_t i = 0; values[i]; i++) {
		assert_string_equal(at, values[i]);
		at += strlen(at) + 1;
	}
}

static void a_sample_without_labels_has_an_empty_text(void **state)
{
	(void)state;
	metric_add(set, &plain, 7, METRIC_NO_LABELS);
	assert_string_equal(metric_set_labels(set, metric_set_next(set, &plain, METRIC_FIRST)), "");
}

static void a_wrong_number_of_labels_is_kept_as_an_error(void **state)
{
	(void)state;
	metric_add(set, &labelled, 1, METRIC_LABELS("one"));
	assert_result(metric_set_error(set), -EINVAL);
	assert_int_equal(count(&labelled), 0);
	metric_set_roll_back(set, 0);
	assert_result(metric_set_error(set), 0);
	metric_add(set, &labelled, 1, METRIC_LABELS("one", "two", "three"));
	assert_result(metric_set_error(set), -EINVAL);
	assert_int_equal(count(&labelled), 0);
	metric_set_roll_back(set, 0);
	metric_add(set, &plain, 1, METRIC_LABELS("one"));
	assert_result(metric_set_error(set), -EINVAL);
	metric_set_roll_back(set, 0);
	metric_add(set, &full, 1, METRIC_LABELS("a", "b", "c", "d", "e"));
	assert_result(metric_set_error(set), -EINVAL);
	assert_int_equal(count(&full), 0);
}

static void an_error_stays_and_harms_no_neighbour(void **state)
{
	(void)state;
	metric_add(set, &labelled, 1, METRIC_LABELS("a", "b"));
	metric_add(set, &labelled, 2, METRIC_LABELS("broken"));
	metric_add(set, &labelled, 3, METRIC_LABELS("c", "d"));
	assert_result(metric_set_error(set), -EINVAL);
	assert_int_equal(count(&labelled), 2);

	const size_t last =
	    metric_set_next(set, &labelled, metric_set_next(set, &labelled, METRIC_FIRST));

	assert_number(metric_set_value(set, last), 3);
	assert_string_equal(metric_set_labels(set, last), "c");
	assert_string_equal(metric_set_labels(set, last) + 2, "d");
}

static void rolling_back_forgets_samples_and_error(void **state)
{
	size_t mark;
	size_t position;

	(void)state;
	metric_add(set, &labelled, 1, METRIC_LABELS("kept", "x"));
	metric_add(set, &plain, 2, METRIC_NO_LABELS);
	mark = metric_set_mark(set);
	metric_add(set, &labelled, 3, METRIC_LABELS("gone", "y"));
	metric_add(set, &plain, 4, METRIC_NO_LABELS);
	metric_add(set, &labelled, 5, METRIC_LABELS("too few"));
	metric_set_roll_back(set, mark);
	assert_result(metric_set_error(set), 0);
	assert_int_equal(count(&labelled), 1);
	assert_int_equal(count(&plain), 1);
	metric_add(set, &labelled, 6, METRIC_LABELS("later", "z"));
	position = metric_set_next(set, &labelled, METRIC_FIRST);
	assert_string_equal(metric_set_labels(set, position), "kept");
	position = metric_set_next(set, &labelled, position);
	assert_number(metric_set_value(set, position), 6);
	assert_string_equal(metric_set_labels(set, position), "later");
	assert_true(metric_set_next(set, &labelled, position) == METRIC_END);
}

static void rolling_back_to_the_end_forgets_the_error_only(void **state)
{
	size_t mark;

	(void)state;
	metric_add(set, &plain, 1, METRIC_NO_LABELS);
	mark = metric_set_mark(set);
	metric_add(set, &labelled, 1, METRIC_NO_LABELS);
	assert_result(metric_set_error(set), -EINVAL);
	metric_set_roll_back(set, mark);
	assert_result(metric_set_error(set), 0);
	assert_int_equal(count(&plain), 1);
}

/* Of three buckets: up to 0.5, up to 2, and above. */
static void add_timed(const struct metric_family *family, uint64_t first, uint64_t second,
    uint64_t last, double sum, const char *const labels[METRIC_LABELS_MAX + 1])
{
	double bounds[] = {0.5, 2};
	uint64_t counts[] = {first, second, last};

	metric_add_histogram(
	    set, family, &(struct metric_histogram){bounds, 2, counts, sum}, labels);
	/* Whatever is kept is a copy. */
	bounds[0] = bounds[1] = -1;
	counts[0] = counts[1] = counts[2] = 65537;
}

static void assert_buckets(
    size_t position, uint64_t first, uint64_t second, uint64_t last, double sum)
{
	const struct metric_bucket *buckets = metric_set_buckets(set, position);

	assert_number(buckets[0].bound, 0.5);
	assert_number(buckets[1].bound, 2);
	assert_true(isinf(buckets[2].bound) && buckets[2].bound > 0);
	assert_true(buckets[0].count == first);
	assert_true(buckets[1].count == second);
	assert_true(buckets[2].count == last);
	assert_number(metric_set_value(set, position), sum);
}

static void a_histogram_is_kept_with_each_bucket_holding_those_below(void **state)
{
	size_t position;

	(void)state;
	add_timed(&labelled_timed, 3, 0, 4, 29.5, METRIC_LABELS("a", ""));
	add_timed(&timed, 0, 0, 0, 0, METRIC_NO_LABELS);
	add_timed(&labelled_timed, 0, UINT64_C(9007199254740993), 1, 7, METRIC_LABELS("", "b"));
	assert_result(metric_set_error(set), 0);
	position = metric_set_next(set, &timed, METRIC_FIRST);
	assert_buckets(position, 0, 0, 0, 0);
	assert_string_equal(metric_set_labels(set, position), "");
	position = metric_set_next(set, &labelled_timed, METRIC_FIRST);
	assert_buckets(position, 3, 3, 7, 29.5);
	assert_string_equal(metric_set_labels(set, position), "a");
	position = metric_set_next(set, &labelled_timed, position);
	assert_buckets(position, 0, UINT64_C(9007199254740993), UINT64_C(9007199254740994), 7);
	assert_string_equal(metric_set_labels(set, position) + 1, "b");
	assert_true(metric_set_next(set, &labelled_timed, position) == METRIC_END);
}

static void a_histogram_may_have_one_bucket(void **state)
{
	const uint64_t counts[] = {23};
	const struct metric_histogram histogram = {.counts = counts, .sum = 1.5};

	(void)state;
	metric_add_histogram(set, &timed, &histogram, METRIC_NO_LABELS);
	assert_result(metric_set_error(set), 0);

	const struct metric_bucket *buckets =
	    metric_set_buckets(set, metric_set_next(set, &timed, METRIC_FIRST));

	assert_true(isinf(buckets[0].bound));
	assert_true(buckets[0].count == 23);
}

static void many_histograms_keep_their_own_buckets(void **state)
{
	size_t position = METRIC_FIRST;

	(void)state;
	for (unsigned i = 0; i < 211; i++) {
		add_timed(&timed, i, 1, 2, i, METRIC_NO_LABELS);
		metric_add(set, &plain, i, METRIC_NO_LABELS);
	}
	for (unsigned i = 0; i < 211; i++) {
		position = metric_set_next(set, &timed, position);
		assert_true(position != METRIC_END);
		assert_buckets(position, i, i + 1, i + 3, i);
	}
	assert_int_equal(count(&plain), 211);
}

static void a_family_takes_only_its_own_kind(void **state)
{
	(void)state;
	metric_add(set, &timed, 1, METRIC_NO_LABELS);
	assert_result(metric_set_error(set), -EINVAL);
	assert_int_equal(count(&timed), 0);
	metric_set_roll_back(set, 0);
	add_timed(&plain, 1, 2, 3, 4, METRIC_NO_LABELS);
	assert_result(metric_set_error(set), -EINVAL);
	assert_int_equal(count(&plain), 0);
}

static void a_histogram_wants_its_labels(void **state)
{
	(void)state;
	add_timed(&labelled_timed, 1, 1, 1, 1, METRIC_LABELS("one"));
	assert_result(metric_set_error(set), -EINVAL);
	metric_set_roll_back(set, 0);
	add_timed(&timed, 1, 1, 1, 1, METRIC_LABELS("one"));
	assert_result(metric_set_error(set), -EINVAL);
	assert_int_equal(count(&labelled_timed) + count(&timed), 0);
}

static void an_error_of_a_histogram_harms_no_neighbour(void **state)
{
	size_t position;

	(void)state;
	add_timed(&labelled_timed, 1, 2, 3, 4, METRIC_LABELS("a", "b"));
	add_timed(&labelled_timed, 5, 6, 7, 8, METRIC_LABELS("broken"));
	add_timed(&labelled_timed, 9, 10, 11, 12, METRIC_LABELS("c", "d"));
	assert_result(metric_set_error(set), -EINVAL);
	position = metric_set_next(set, &labelled_timed, METRIC_FIRST);
	assert_buckets(position, 1, 3, 6, 4);

	const struct metric_bucket *first = metric_set_buckets(set, position);

	position = metric_set_next(set, &labelled_timed, position);
	assert_buckets(position, 9, 19, 30, 12);
	assert_string_equal(metric_set_labels(set, position), "c");
	/* Nothing is left in between. */
	assert_ptr_equal(metric_set_buckets(set, position), first + 3);
	assert_true(metric_set_next(set, &labelled_timed, position) == METRIC_END);
}

static void a_histogram_that_cannot_be_is_an_error(void **state)
{
	static const struct {
		double bounds[2];
		uint64_t counts[3];
		double sum;
	} cases[] = {
	    {{2, 0.5}, {1, 1, 1}, 3},
	    {{2, 2}, {1, 1, 1}, 3},
	    {{-1, 2}, {1, 1, 1}, 3},
	    {{NAN, 2}, {1, 1, 1}, 3},
	    {{1, NAN}, {1, 1, 1}, 3},
	    {{1, INFINITY}, {1, 1, 1}, 3},
	    {{1, 2}, {1, 1, 1}, -0.5},
	    {{1, 2}, {1, 1, 1}, NAN},
	    {{1, 2}, {1, 1, 1}, INFINITY},
	    {{1, 2}, {UINT64_MAX, 0, 1}, 3},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct metric_histogram histogram = {
		    cases[i].bounds, 2, cases[i].counts, cases[i].sum};

		metric_set_roll_back(set, 0);
		metric_add_histogram(set, &timed, &histogram, METRIC_NO_LABELS);
		assert_result(metric_set_error(set), -EINVAL);
		assert_int_equal(count(&timed), 0);
	}
	metric_set_roll_back(set, 0);
	metric_add_histogram(set, &timed,
	    &(struct metric_histogram){
		(const double[]){0, 1}, 2, (const uint64_t[]){UINT64_MAX, 0, 0}, 0},
	    METRIC_NO_LABELS);
	assert_result(metric_set_error(set), 0);
}

static void rolling_back_forgets_whole_histograms(void **state)
{
	size_t mark;
	size_t position;

	(void)state;
	add_timed(&labelled_timed, 1, 2, 3, 4, METRIC_LABELS("kept", "x"));
	mark = metric_set_mark(set);
	add_timed(&timed, 5, 6, 7, 8, METRIC_NO_LABELS);
	metric_add(set, &plain, 1, METRIC_NO_LABELS);
	add_timed(&labelled_timed, 9, 10, 11, 12, METRIC_LABELS("gone", "y"));
	metric_set_roll_back(set, mark);
	assert_int_equal(count(&timed) + count(&plain), 0);
	assert_int_equal(count(&labelled_timed), 1);

	/* What is added next takes the place of what is gone. */
	const struct metric_bucket *kept =
	    metric_set_buckets(set, metric_set_next(set, &labelled_timed, METRIC_FIRST));

	add_timed(&labelled_timed, 13, 14, 15, 16, METRIC_LABELS("later", "z"));
	position = metric_set_next(set, &labelled_timed, METRIC_FIRST);
	assert_buckets(position, 1, 3, 6, 4);
	assert_string_equal(metric_set_labels(set, position), "kept");
	position = metric_set_next(set, &labelled_timed, position);
	assert_buckets(position, 13, 27, 42, 16);
	assert_string_equal(metric_set_labels(set, position), "later");
	assert_ptr_equal(metric_set_buckets(set, position), kept + 3);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(an_empty_set_has_nothing),
	    TEST(samples_come_in_the_order_they_were_added),
	    TEST(label_values_are_copied),
	    TEST(label_values_keep_whatever_bytes),
	    TEST(a_sample_without_labels_has_an_empty_text),
	    TEST(a_wrong_number_of_labels_is_kept_as_an_error),
	    TEST(an_error_stays_and_harms_no_neighbour),
	    TEST(rolling_back_forgets_samples_and_error),
	    TEST(rolling_back_to_the_end_forgets_the_error_only),
	    TEST(a_histogram_is_kept_with_each_bucket_holding_those_below),
	    TEST(a_histogram_may_have_one_bucket),
	    TEST(many_histograms_keep_their_own_buckets),
	    TEST(a_family_takes_only_its_own_kind),
	    TEST(a_histogram_wants_its_labels),
	    TEST(an_error_of_a_histogram_harms_no_neighbour),
	    TEST(a_histogram_that_cannot_be_is_an_error),
	    TEST(rolling_back_forgets_whole_histograms),
	};

	return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
