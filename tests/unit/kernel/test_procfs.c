// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/procfs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "workspace.h"

static struct workspace workspace;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	workspace_remove(&workspace);
	return 0;
}

/* The length is told, a NUL follows, and nothing beyond was touched: sanitizers see to that. */
static void assert_start(const char *written, size_t size, size_t limit, const char *wanted)
{
	char *text = NULL;
	size_t length = 0;

	workspace_write_bytes(&workspace, "file", written, size);
	assert_result(procfs_read_start(workspace.path, "file", limit, &text, &length), 0);
	assert_int_equal(length, strlen(wanted));
	assert_string_equal(text, wanted);
	free(text);
}

static void the_start_of_a_file_is_no_more_than_asked_for(void **state)
{
	(void)state;
	assert_start("", 0, 4, "");
	assert_start("a", 1, 4, "a");
	assert_start("abcd", 4, 4, "abcd");
	assert_start("abcde", 5, 4, "abcd");
	assert_start("abcdefghijklmnop", 16, 4, "abcd");
	assert_start("abcdefghijklmnop", 16, 1, "a");
	assert_start("abc", 3, 0, "");
}

static void what_is_longer_is_refused_only_where_all_is_wanted(void **state)
{
	char *text = (char *)(uintptr_t) "untouched";
	size_t length = 99;

	(void)state;
	workspace_write(&workspace, "file", "abcde");
	assert_result(procfs_read(workspace.path, "file", 4, &text, &length), -EFBIG);
	assert_string_equal(text, "untouched");
	assert_int_equal(length, 99);
	assert_result(procfs_read(workspace.path, "file", 5, &text, &length), 0);
	assert_string_equal(text, "abcde");
	free(text);
}

static void bytes_of_any_value_are_kept(void **state)
{
	static const char bytes[] = "a\0b\0\xff";
	char *text = NULL;
	size_t length = 0;

	(void)state;
	workspace_write_bytes(&workspace, "file", bytes, sizeof(bytes));
	assert_result(procfs_read_start(workspace.path, "file", 100, &text, &length), 0);
	assert_int_equal(length, sizeof(bytes));
	assert_memory_equal(text, bytes, sizeof(bytes));
	assert_int_equal(text[length], '\0');
	free(text);
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
	static char name[PATH_MAX + 2];
	char *text = (char *)(uintptr_t) "untouched";
	size_t length = 99;

	(void)state;
	assert_result(procfs_read_start(workspace.path, "none", 4, &text, &length), -ENOENT);
	workspace_write(&workspace, "file", "x");
	assert_result(procfs_read_start(workspace.path, "file/none", 4, &text, &length), -ENOTDIR);
	workspace_mkdir(&workspace, "directory");
	assert_result(procfs_read_start(workspace.path, "directory", 4, &text, &length), -EISDIR);
	memset(name, 'a', sizeof(name) - 1);
	assert_result(procfs_read_start("/", name, 4, &text, &length), -ENAMETOOLONG);
	assert_string_equal(text, "untouched");
	assert_int_equal(length, 99);
}

static void a_name_is_a_number_or_none(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1x", "x", "0x1", "1.0", ".",
	    "..", "self", "2147483648", "4294967295", "4294967297", "18446744073709551617",
	    "99999999999999999999999999999999999999999"};
	static const struct {
		const char *name;
		int number;
	} good[] = {{"0", 0}, {"1", 1}, {"9", 9}, {"10", 10}, {"007", 7}, {"4194304", 4194304},
	    {"2147483646", 2147483646}, {"2147483647", INT_MAX}};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (procfs_number(bad[i]) != -1)
			fail_msg("\"%s\" is %d", bad[i], procfs_number(bad[i]));
	for (size_t i = 0; i < LENGTH(good); i++)
		assert_result(procfs_number(good[i].name), good[i].number);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(the_start_of_a_file_is_no_more_than_asked_for),
	    TEST(what_is_longer_is_refused_only_where_all_is_wanted),
	    TEST(bytes_of_any_value_are_kept),
	    TEST(a_file_that_cannot_be_read_is_told),
	    TEST(a_name_is_a_number_or_none),
	};

	return cmocka_run_group_tests_name("procfs", tests, NULL, NULL);
}
