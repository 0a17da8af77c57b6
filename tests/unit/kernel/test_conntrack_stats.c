// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/conntrack_stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "workspace.h"

/* As Linux 6.18 writes it. */
#define NAMES                                                                                      \
	"entries  clashres found new invalid ignore delete chainlength insert insert_failed drop " \
	"early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
#define FIRST                                                                                \
	"00000000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " \
	"00000010 0000000a 00000001 00000000  00000000 00000000 00000000 00000000\n"
#define SECOND                                                                               \
	"00000000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " \
	"ffffffff 00000001 00000002 00000000  00000000 00000000 00000000 00000000\n"

static int parse(const char *text, struct conntrack_counter *counters, size_t count)
{
	char copy[2000];

	snprintf(copy, sizeof(copy), "%s", text);
	return conntrack_stats_parse(copy, counters, count);
}

static void processors_are_added_up(void **state)
{
	struct conntrack_counter counters[] = {{.name = "drop"}, {.name = "insert_failed"},
	    {.name = "nonsense"}, {.name = "early_drop"}};

	(void)state;
	assert_result(parse(NAMES FIRST SECOND, counters, LENGTH(counters)), 0);
	assert_int_equal(counters[0].value, 11);
	assert_int_equal(counters[1].value, 0x10 + 0xfffffffful);
	assert_false(counters[2].found);
	assert_int_equal(counters[3].value, 3);
	assert_result(parse(NAMES, counters, LENGTH(counters)), 0);
	assert_true(counters[0].found);
	assert_int_equal(counters[0].value, 0);
}

static void what_is_no_such_file_is_refused(void **state)
{
	struct conntrack_counter counter = {.name = "b"};

	(void)state;
	assert_result(parse("", &counter, 1), -EBADMSG);
	assert_result(parse("a b\n1\n", &counter, 1), -EBADMSG);
	assert_result(parse("a b\n1 2 3\n", &counter, 1), -EBADMSG);
	assert_result(parse("a b\n1 -2\n", &counter, 1), -EBADMSG);
	assert_result(parse("a b\n1 12345678901234567\n", &counter, 1), -EBADMSG);
	assert_result(parse("a b\n1 2\n", &counter, 1), 0);
	assert_int_equal(counter.value, 2);
}

static void the_file(void **state)
{
	struct conntrack_counter counter = {.name = "drop"};
	struct workspace workspace;

	(void)state;
	workspace_make(&workspace);
	assert_result(conntrack_stats_read(workspace.path, &counter, 1), -ENOENT);
	workspace_write(&workspace, "net/stat/nf_conntrack", NAMES FIRST);
	assert_result(conntrack_stats_read(workspace.path, &counter, 1), 0);
	assert_int_equal(counter.value, 10);
	workspace_remove(&workspace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(processors_are_added_up),
	    cmocka_unit_test(what_is_no_such_file_is_refused),
	    cmocka_unit_test(the_file),
	};

	return cmocka_run_group_tests_name("conntrack_stats", tests, NULL, NULL);
}
