// SPDX-License-Identifier: Apache-2.0
/* Whose files the program reads. Only root can load it, in a network namespace of its own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/kernel/conntrack_table.h"
#include "unit.h"

static struct conntrack_table *table;
static int file;
static int kept; /* the same open file */

static int open_table(void **state)
{
	const char *reason = NULL;

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return 0;
	file = open("/proc/self/net/nf_conntrack", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	kept = dup(file);
	if (conntrack_table_open(file, &table, &reason) < 0)
		print_message("%s\n", reason);
	return 0;
}

static int close_table(void **state)
{
	(void)state;
	conntrack_table_close(table);
	return 0;
}

static int visit(void *context, const struct conntrack_entry *entry)
{
	(void)entry;
	++*(unsigned *)context;
	return 0;
}

static void assert_walk(int wanted)
{
	unsigned entries = 0;

	if (!table)
		skip();
	assert_result(conntrack_table_walk(table, visit, &entries), wanted);
	assert_int_equal(entries, 0);
}

static void put_there(int other)
{
	assert_true(other >= 0);
	assert_int_equal(dup2(other, file), file);
	close(other);
}

static void a_table_without_entries(void **state)
{
	(void)state;
	assert_walk(0);
	assert_walk(0);
}

/* As someone would who has taken over the process. */
static void another_file_in_its_place_is_refused(void **state)
{
	static const char *const others[] = {"/proc/self/net/tcp",
	    "/proc/self/net/stat/nf_conntrack", "/proc/self/maps", "/proc/self/status",
	    "/dev/zero"};

	(void)state;
	for (size_t i = 0; table && i < sizeof(others) / sizeof(others[0]); i++) {
		put_there(open(others[i], O_RDONLY | O_CLOEXEC));
		assert_walk(-EBADF);
	}
	if (table)
		put_there(kept);
	assert_walk(0);
}

static void no_file_in_its_place(void **state)
{
	(void)state;
	if (table)
		close(file);
	assert_walk(-EBADF);
}

static void what_is_no_file_of_the_kernel(void **state)
{
	const char *reason = NULL;
	char path[] = "/tmp/ephemera-table-XXXXXX";
	const int made = mkstemp(path);
	struct conntrack_table *none;

	(void)state;
	assert_true(made >= 0);
	unlink(path);
	assert_true(conntrack_table_open(made, &none, &reason) < 0);
	assert_non_null(reason);
	close(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_table_without_entries),
	    cmocka_unit_test(another_file_in_its_place_is_refused),
	    cmocka_unit_test(no_file_in_its_place),
	    cmocka_unit_test(what_is_no_file_of_the_kernel),
	};

	return cmocka_run_group_tests_name("conntrack_table_live", tests, open_table, close_table);
}
