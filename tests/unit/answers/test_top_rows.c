// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/top_rows.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static struct top_rows rows_of(size_t length, double seconds)
{
	const time_t whole = (time_t)seconds;

	return (struct top_rows){
	    .looked = {whole, (long)((seconds - (double)whole) * 1e9)},
	    .length = length,
	    .list = calloc(length + 1, sizeof(struct top_row)),
	};
}

static void set(struct top_row *row, const char *name, unsigned used, unsigned usable)
{
	row->name = strdup(name);
	row->from = strdup("10.0.0.4");
	row->owner = strdup("/system.slice/checkout.service");
	row->used = used;
	row->usable = usable;
}

static void test_rates(void **state)
{
	struct top_rows first = rows_of(2, 100);
	struct top_rows second = rows_of(3, 102);
	struct top_rows third = rows_of(1, 102.5);

	(void)state;
	set(&first.list[0], "b", 10, 100);
	set(&first.list[1], "a", 20, 100);
	set(&second.list[0], "c", 5, 100);
	set(&second.list[1], "b", 16, 100);
	set(&second.list[2], "a", 20, 100);
	set(&third.list[0], "b", 16, 100);
	top_rows_compare(&second, &first);
	assert_string_equal(second.list[1].name, "b");
	assert_true(second.list[1].has_rate);
	assert_float_equal(second.list[1].rate, 3, 1e-6);
	assert_float_equal(second.list[0].rate, 0, 1e-6);
	assert_false(second.list[2].has_rate); /* c is new */
	/* It falls slowly when nothing changes any more. */
	top_rows_compare(&third, &second);
	assert_true(third.list[0].rate > 2.5 && third.list[0].rate < 3);
	top_rows_free(&first);
	top_rows_free(&second);
	top_rows_free(&third);
}

static void test_two_looks_at_one_time(void **state)
{
	struct top_rows first = rows_of(1, 100);
	struct top_rows second = rows_of(1, 100);

	(void)state;
	set(&first.list[0], "a", 10, 100);
	set(&second.list[0], "a", 20, 100);
	top_rows_compare(&second, &first);
	assert_false(second.list[0].has_rate);
	top_rows_free(&first);
	top_rows_free(&second);
}

static void test_seconds_left(void **state)
{
	struct top_row row = {.used = 50, .usable = 100};

	(void)state;
	assert_true(top_row_seconds_left(&row) < 0);
	row.has_rate = true;
	row.rate = -3;
	assert_true(top_row_seconds_left(&row) < 0);
	row.rate = 2;
	assert_float_equal(top_row_seconds_left(&row), 25, 1e-6);
	row.used = 100;
	assert_float_equal(top_row_seconds_left(&row), 0, 1e-6);
	row = (struct top_row){0};
	assert_float_equal(top_row_share(&row), 1, 1e-6); /* it can have none */
	assert_float_equal(top_row_seconds_left(&row), 0, 1e-6);
}

static void assert_order(struct top_rows *rows, enum top_sort sort, const char *names)
{
	top_rows_sort(rows, sort);
	for (size_t i = 0; i < rows->length; i++)
		assert_int_equal(rows->list[i].name[0], names[i]);
}

static void test_sort(void **state)
{
	struct top_rows rows = rows_of(3, 1);

	(void)state;
	set(&rows.list[0], "a", 10, 100);
	set(&rows.list[1], "b", 90, 100);
	set(&rows.list[2], "c", 10, 100);
	rows.list[0].time_wait = 7;
	rows.list[2].active = 3;
	rows.list[1].active = 2;
	rows.list[2].rate = 1;
	rows.list[2].has_rate = true;
	assert_order(&rows, TOP_BY_SHARE, "bac");
	assert_order(&rows, TOP_BY_CHANGE, "cab");
	assert_order(&rows, TOP_BY_ACTIVE, "cba");
	assert_order(&rows, TOP_BY_TIME_WAIT, "abc");
	top_rows_free(&rows);
}

static void test_filter(void **state)
{
	struct top_rows rows = rows_of(1, 1);

	(void)state;
	set(&rows.list[0], "192.0.2.7:443", 10, 100);
	assert_true(top_row_matches(&rows.list[0], ""));
	assert_true(top_row_matches(&rows.list[0], ":443"));
	assert_true(top_row_matches(&rows.list[0], "10.0.0"));
	assert_true(top_row_matches(&rows.list[0], "CHECKOUT"));
	assert_false(top_row_matches(&rows.list[0], "orders"));
	top_rows_free(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rates),
	    cmocka_unit_test(test_two_looks_at_one_time),
	    cmocka_unit_test(test_seconds_left),
	    cmocka_unit_test(test_sort),
	    cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
