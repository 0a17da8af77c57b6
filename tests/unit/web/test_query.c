// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/query.h"

#include <string.h>

#include "unit.h"

static collector_set bit(const char *name)
{
	const int found = collector_find(name);

	assert_true(found >= 0);
	return (collector_set)1 << found;
}

static struct query start(void)
{
	return (struct query){.enabled = bit("range") | bit("sockets") | bit("destinations")};
}

static void without_parameters_it_is_all_that_is_enabled(void **state)
{
	struct query query = start();
	collector_set asked = 0;

	(void)state;
	assert_true(query_finish(&query, &asked));
	assert_int_equal(asked, query.enabled);
	assert_string_equal(query.error, "");
}

static void other_parameters_are_none_of_its_business(void **state)
{
	struct query query = start();
	collector_set asked = 0;

	(void)state;
	query_add(&query, "collect", "nonsense");
	query_add(&query, "collect[", "nonsense");
	query_add(&query, "Collect[]", "nonsense");
	query_add(&query, "collect[]x", NULL);
	query_add(&query, "", "nonsense");
	assert_true(query_finish(&query, &asked));
	assert_int_equal(asked, query.enabled);
}

static void collect_takes_what_it_names(void **state)
{
	struct query query = start();
	collector_set asked = 0;

	(void)state;
	query_add(&query, "collect[]", "range");
	query_add(&query, "collect[]", "destinations");
	query_add(&query, "collect[]", "range");
	assert_true(query_finish(&query, &asked));
	assert_int_equal(asked, bit("range") | bit("destinations"));
}

static void exclude_leaves_out_what_it_names(void **state)
{
	struct query query = start();
	collector_set asked = 0;

	(void)state;
	query_add(&query, "exclude[]", "sockets");
	assert_true(query_finish(&query, &asked));
	assert_int_equal(asked, bit("range") | bit("destinations"));
}

static void everything_may_be_excluded(void **state)
{
	struct query query = start();
	collector_set asked = 4711;

	(void)state;
	query_add(&query, "exclude[]", "sockets");
	query_add(&query, "exclude[]", "range");
	query_add(&query, "exclude[]", "destinations");
	assert_true(query_finish(&query, &asked));
	assert_int_equal(asked, 0);
}

static void assert_refused(const char *key, const char *value, const char *error)
{
	struct query query = start();
	collector_set asked = 4711;

	query_add(&query, key, value);
	query_add(&query, "collect[]", "range"); /* does not mend it */
	assert_false(query_finish(&query, &asked));
	assert_string_equal(query.error, error);
	assert_int_equal(asked, 4711);
}

static void names_that_do_not_exist_are_refused(void **state)
{
	(void)state;
	assert_refused("collect[]", "nonsense", "collect[]: there is no collector \"nonsense\"");
	assert_refused("exclude[]", "nonsense", "exclude[]: there is no collector \"nonsense\"");
	assert_refused("collect[]", "", "collect[]: there is no collector \"\"");
	assert_refused("collect[]", NULL, "collect[]: there is no collector \"\"");
	assert_refused("collect[]", "Range", "collect[]: there is no collector \"Range\"");
	assert_refused(
	    "collect[]", "range,sockets", "collect[]: there is no collector \"range,sockets\"");
	assert_refused(
	    "collect[]", "a\033[31m\nb", "collect[]: there is no collector \"a?[31m?b\"");
}

static void a_collector_that_is_off_is_refused(void **state)
{
	(void)state;
	assert_refused("collect[]", "binds", "collect[]: the collector binds is switched off");
	assert_refused("exclude[]", "binds", "exclude[]: the collector binds is switched off");
}

static void the_first_error_stands(void **state)
{
	struct query query = start();
	collector_set asked;

	(void)state;
	query_add(&query, "collect[]", "first");
	query_add(&query, "exclude[]", "second");
	assert_false(query_finish(&query, &asked));
	assert_string_equal(query.error, "collect[]: there is no collector \"first\"");
}

static void both_cannot_be_combined(void **state)
{
	struct query query = start();
	collector_set asked;

	(void)state;
	query_add(&query, "exclude[]", "range");
	query_add(&query, "collect[]", "sockets");
	assert_false(query_finish(&query, &asked));
	assert_string_equal(query.error, "collect[] and exclude[] cannot be combined");
}

static void a_long_value_is_cut_off(void **state)
{
	static char value[100001];
	struct query query = start();
	collector_set asked;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	query_add(&query, "collect[]", value);
	assert_false(query_finish(&query, &asked));
	assert_true(strlen(query.error) < QUERY_ERROR_SIZE);
	assert_non_null(strstr(query.error, "xxxx\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_parameters_it_is_all_that_is_enabled),
	    cmocka_unit_test(other_parameters_are_none_of_its_business),
	    cmocka_unit_test(collect_takes_what_it_names),
	    cmocka_unit_test(exclude_leaves_out_what_it_names),
	    cmocka_unit_test(everything_may_be_excluded),
	    cmocka_unit_test(names_that_do_not_exist_are_refused),
	    cmocka_unit_test(a_collector_that_is_off_is_refused),
	    cmocka_unit_test(the_first_error_stands),
	    cmocka_unit_test(both_cannot_be_combined),
	    cmocka_unit_test(a_long_value_is_cut_off),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
