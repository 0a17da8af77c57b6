// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_place.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static void assert_named(bool is_elsewhere, const char *said, const char *wanted)
{
	const struct port_lookup lookup = {.is_elsewhere = is_elsewhere};
	struct text text = {0};

	text_add_string(&text, said);
	port_place_name(&lookup, &text);
	assert_int_equal(text.length, strlen(wanted));
	if (text.length)
		assert_memory_equal(text.data, wanted, text.length);
	free(text.data);
}

static void test_here(void **state)
{
	(void)state;
	assert_named(false, "inside this host's range", "inside this host's range");
}

static void test_elsewhere(void **state)
{
	(void)state;
	assert_named(true, "inside this host's range", "inside this network namespace's range");
	assert_named(true, "this host this host", "this network namespace this network namespace");
	assert_named(true, "a service on this host", "a service on this network namespace");
	assert_named(true, "nothing is on it", "nothing is on it");
	assert_named(true, "this hos", "this hos");
	assert_named(true, "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_here),
	    cmocka_unit_test(test_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
