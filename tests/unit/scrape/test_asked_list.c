// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/asked_list.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static struct asked_list asked;

static int set_up(void **state)
{
	(void)state;
	memset(&asked, 0, sizeof(asked));
	return 0;
}

static void a_name_is_there_once(void **state)
{
	(void)state;
	asked_list_add(&asked, "x", 0, 20);
	asked_list_add(&asked, "y", 0, 20);
	asked_list_add(&asked, "x", 0, 20);
	assert_int_equal(asked.length, 2);
	assert_ptr_equal(asked_list_find(&asked, "y"), &asked.list[1]);
	assert_null(asked_list_find(&asked, "z"));
	assert_true(asked_list_has(&asked, "x", 0, 1000));
	assert_false(asked_list_has(&asked, "z", 0, 1));
}

static void a_port_is_had_with_as_many_sockets(void **state)
{
	(void)state;
	asked_list_add(&asked, "x", 80, 20);
	asked_list_add(&asked, "x", 443, 5);
	asked_list_add(&asked, "y", 22, 5);
	assert_true(asked_list_has(&asked, "x", 80, 20));
	assert_true(asked_list_has(&asked, "x", 443, 20));
	assert_false(asked_list_has(&asked, "x", 80, 21));
	assert_false(asked_list_has(&asked, "x", 22, 5));
	assert_false(asked_list_has(&asked, "y", 80, 5));
	assert_true(asked_list_has(&asked, "y", 0, 0));
}

static void it_is_bounded(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < ASKED_LIST_MAX + 3; i++) {
		snprintf(name, sizeof(name), "%u", i);
		asked_list_add(&asked, name, 0, 0);
		assert_int_equal(asked_list_has(&asked, name, 0, 0), i < ASKED_LIST_MAX);
	}
	assert_int_equal(asked.length, ASKED_LIST_MAX);
	/* One that is there gets its port. */
	asked_list_add(&asked, "0", 80, 1);
	assert_true(asked_list_has(&asked, "0", 80, 1));
}

static void what_was_forgotten_leaves_nothing(void **state)
{
	(void)state;
	asked_list_add(&asked, "x", 80, 20);
	asked.length = 0;
	asked_list_add(&asked, "x", 0, 0);
	assert_false(asked_list_has(&asked, "x", 80, 1));
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_name_is_there_once),
	    TEST(a_port_is_had_with_as_many_sockets),
	    TEST(it_is_bounded),
	    TEST(what_was_forgotten_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
