// SPDX-License-Identifier: Apache-2.0
#include "collectors/metric.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "metric_families.h"
#include "unit.h"

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
	static const char *const values[] = {"", odd, "c", "", "e", "f", "g", "h", NULL};
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

int main(void)
{
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
	};

	return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
