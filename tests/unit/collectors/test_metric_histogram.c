// SPDX-License-Identifier: Apache-2.0
#include "collectors/metric.h"

#include <errno.h>
#include <math.h>

#include "metric_families.h"
#include "unit.h"

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
	const struct CMUnitTest tests[] = {
	    TEST(a_histogram_is_kept_with_each_bucket_holding_those_below),
	    TEST(a_histogram_may_have_one_bucket),
	    TEST(many_histograms_keep_their_own_buckets),
	    TEST(a_family_takes_only_its_own_kind),
	    TEST(a_histogram_wants_its_labels),
	    TEST(an_error_of_a_histogram_harms_no_neighbour),
	    TEST(a_histogram_that_cannot_be_is_an_error),
	    TEST(rolling_back_forgets_whole_histograms),
	};

	return cmocka_run_group_tests_name("metric_histogram", tests, NULL, NULL);
}
