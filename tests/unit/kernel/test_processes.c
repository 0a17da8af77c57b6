// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/processes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "process_host.h"
#include "unit.h"

/* "INODE:PID/FD ..." as it is kept. */
static void assert_holdings(const char *wanted)
{
	char text[512] = "";

	for (size_t i = 0; i < found->holdings.length && i < 20; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u:%d/%d ",
		    found->holdings.list[i].inode, found->holdings.list[i].pid,
		    found->holdings.list[i].fd);
	assert_string_equal(text, wanted);
}

/* "PID NAME|..." as it is kept. */
static void assert_processes(const char *wanted)
{
	char text[512] = "";

	for (size_t i = 0; i < found->processes_length && i < 20; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d %s|",
		    found->processes[i].pid, found->processes[i].name);
	assert_string_equal(text, wanted);
}

static void holders_are_found_and_named(void **state)
{
	static const struct socket_identity sockets[] = {{70, 0}, {60, 0}, {99, 0}};

	(void)state;
	add(1, "init\n");
	add_holder(12, "nginx\n", 6, "socket:[70]");
	fake_proc_open(&proc, 12, 3, "socket:[70]");
	add_holder(9, "shared\n", 4, "socket:[70]");
	add_holder(300, "other\n", 5, "socket:[60]");
	add_holder(301, "nobody\n", 5, "socket:[61]");
	search_everywhere(sockets, LENGTH(sockets));
	assert_holdings("60:300/5 70:9/4 70:12/3 70:12/6 ");
	assert_processes("9 shared|12 nginx|300 other|");
	assert_true(found->whole);
	assert_true(process_search_is_complete(found));
}

static void what_was_found_is_found_again(void **state)
{
	static const struct socket_identity sockets[] = {{70, 0}, {60, 0}, {99, 0}};
	const struct holding *first;
	size_t length = 7;

	(void)state;
	add(1, "init\n");
	add_holder(12, "nginx\n", 3, "socket:[70]");
	fake_proc_open(&proc, 12, 6, "socket:[70]");
	add_holder(9, "shared\n", 4, "socket:[70]");
	add_holder(300, "other\n", 5, "socket:[60]");
	search_everywhere(sockets, LENGTH(sockets));
	first = process_search_holdings(found, 70, &length);
	assert_non_null(first);
	assert_int_equal(length, 3);
	assert_int_equal(first->pid, 9);
	assert_int_equal(first[2].fd, 6);
	first = process_search_holdings(found, 60, &length);
	assert_non_null(first);
	assert_int_equal(length, 1);
	assert_int_equal(first->pid, 300);
	for (uint32_t inode = 0; inode < 100; inode++) {
		if (inode == 60 || inode == 70)
			continue;
		assert_null(process_search_holdings(found, inode, &length));
		assert_int_equal(length, 0);
	}
	assert_null(process_search_holdings(found, UINT32_MAX, &length));
	assert_string_equal(process_search_find(found, 9)->name, "shared");
	assert_string_equal(process_search_find(found, 12)->name, "nginx");
	assert_string_equal(process_search_find(found, 300)->name, "other");
}

static void nothing_asked_for_is_nothing_found(void **state)
{
	const struct process_search_options options = options_of(true);
	size_t length = 7;

	(void)state;
	add_holder(12, "nginx\n", 3, "socket:[70]");
	search_with(&options, NULL, 0);
	assert_holdings("");
	assert_processes("");
	assert_null(process_search_holdings(found, 70, &length));
	assert_int_equal(length, 0);
	assert_int_equal(listed.asked_length, 0);
}

/* A connection of a host with itself has both its ends asked for, and one inode may come twice. */
static void one_inode_may_be_asked_for_twice(void **state)
{
	static const struct socket_identity sockets[] = {{70, 0}, {70, 0}, {60, 0}, {70, 0}};

	(void)state;
	add(1, "init\n");
	add_holder(12, "nginx\n", 3, "socket:[70]");
	add_holder(13, "nginx\n", 3, "socket:[60]");
	search_everywhere(sockets, LENGTH(sockets));
	assert_holdings("60:13/3 70:12/3 ");
}

static void the_cgroups_processes_are_looked_at_first(void **state)
{
	static const struct socket_identity sockets[] = {{70, 2}, {71, 2}, {60, 5}, {72, 2}};
	const struct process_search_options options = options_of(true);

	(void)state;
	add(1, "init\n");
	add_holder(21, "first\n", 3, "socket:[70]");
	fake_proc_open(&proc, 21, 4, "socket:[72]");
	add_holder(23, "third\n", 3, "socket:[71]");
	add_holder(52, "second\n", 3, "socket:[60]");
	/* Not in its socket's cgroup: it would take a look at all to find it. */
	add_holder(99, "heir\n", 3, "socket:[70]");
	search_with(&options, sockets, LENGTH(sockets));
	assert_holdings("60:52/3 70:21/3 71:23/3 72:21/4 ");
	assert_processes("21 first|23 third|52 second|");
	assert_false(found->whole);
	assert_false(process_search_is_complete(found));
	/* Each cgroup is asked for once. */
	assert_int_equal(listed.asked_length, 2);
	assert_true(listed.asked[0] + listed.asked[1] == 7);
}

static void everyone_may_be_asked_for_at_once(void **state)
{
	static const struct socket_identity sockets[] = {{70, 2}};
	struct process_search_options options = options_of(true);

	(void)state;
	add(1, "init\n");
	add_holder(21, "first\n", 3, "socket:[70]");
	add_holder(99, "heir\n", 3, "socket:[70]");
	options.everyone = true;
	search_with(&options, sockets, LENGTH(sockets));
	assert_holdings("70:21/3 70:99/3 ");
	assert_true(process_search_is_complete(found));
	assert_int_equal(listed.asked_length, 0);
}

/* Those of the cgroup are not looked at again: what they have would come twice. */
static void one_socket_not_found_sends_it_to_everyone(void **state)
{
	static const struct socket_identity sockets[] = {{70, 2}, {71, 2}};
	const struct process_search_options options = options_of(true);

	(void)state;
	add(1, "init\n");
	add_holder(21, "first\n", 3, "socket:[70]");
	fake_proc_add_unreadable(&proc, 22);
	add_holder(99, "heir\n", 3, "socket:[71]");
	fake_proc_open(&proc, 99, 4, "socket:[70]");
	search_with(&options, sockets, LENGTH(sockets));
	assert_holdings("70:21/3 70:99/4 71:99/3 ");
	assert_processes("21 first|99 heir|");
	assert_true(found->whole);
	assert_int_equal(found->holdings.unreadable, 1);
	assert_false(process_search_is_complete(found));
}

static void a_socket_that_nobody_has_is_looked_for_everywhere(void **state)
{
	static const struct socket_identity sockets[] = {{70, 2}};
	const struct process_search_options options = options_of(true);

	(void)state;
	add(1, "init\n");
	add_holder(99, "other\n", 3, "socket:[71]");
	search_with(&options, sockets, LENGTH(sockets));
	assert_holdings("");
	assert_processes("");
	assert_true(process_search_is_complete(found));
}

static void a_socket_without_a_cgroup_is_looked_for_everywhere(void **state)
{
	static const struct socket_identity sockets[] = {{70, 0}};
	const struct process_search_options options = options_of(true);

	(void)state;
	add(1, "init\n");
	add_holder(99, "other\n", 3, "socket:[70]");
	search_with(&options, sockets, LENGTH(sockets));
	assert_holdings("70:99/3 ");
	assert_int_equal(listed.asked_length, 0);
	assert_true(found->whole);
}

/* Process 1 opens sockets for services that it starts later: then who else has it? */
static void where_only_init_has_it_everyone_is_looked_at(void **state)
{
	static const struct socket_identity sockets[] = {{70, 4}};
	const struct process_search_options options = options_of(true);

	(void)state;
	add_holder(1, "init\n", 40, "socket:[70]");
	add(41, "another\n");
	add_holder(99, "service\n", 3, "socket:[70]");
	search_with(&options, sockets, LENGTH(sockets));
	assert_holdings("70:1/40 70:99/3 ");
	assert_true(process_search_is_complete(found));
	/* Init and another one of its cgroup are enough. */
	fake_proc_open(&proc, 41, 5, "socket:[70]");
	search_with(&options, sockets, LENGTH(sockets));
	assert_holdings("70:1/40 70:41/5 ");
	assert_false(found->whole);
}

/* hidepid hides even process 1, and so others of which nothing can be known. */
static void where_init_is_hidden_nothing_is_complete(void **state)
{
	static const struct socket_identity sockets[] = {{70, 0}};

	(void)state;
	add_holder(12, "ours\n", 3, "socket:[70]");
	search_everywhere(sockets, 1);
	assert_holdings("70:12/3 ");
	assert_true(found->whole);
	assert_int_equal(found->holdings.unreadable, 1);
	assert_false(process_search_is_complete(found));
	add(1, "init\n");
	search_everywhere(sockets, 1);
	assert_int_equal(found->holdings.unreadable, 0);
	assert_true(process_search_is_complete(found));
}

static void entries_that_are_no_processes_are_passed_over(void **state)
{
	static const struct socket_identity sockets[] = {{70, 0}};

	(void)state;
	add(1, "init\n");
	workspace_symlink(&proc, "self/fd/3", "socket:[70]");
	workspace_symlink(&proc, "0/fd/3", "socket:[70]");
	workspace_symlink(&proc, "2147483648/fd/3", "socket:[70]");
	workspace_symlink(&proc, "net/fd/3", "socket:[70]");
	workspace_write(&proc, "version", "Linux\n");
	search_everywhere(sockets, 1);
	assert_holdings("");
	assert_true(process_search_is_complete(found));
}

static void a_deadline_that_passes_leaves_it_incomplete(void **state)
{
	static const struct socket_identity sockets[] = {{70, 0}};
	struct process_search_options options = options_of(false);

	(void)state;
	add_holder(1, "init\n", 3, "socket:[70]");
	options.seconds = 1e-9;
	search_with(&options, sockets, 1);
	assert_holdings("");
	assert_true(found->holdings.late);
	assert_false(process_search_is_complete(found));
	options.seconds = 3600.75;
	search_with(&options, sockets, 1);
	assert_holdings("70:1/3 ");
	assert_true(process_search_is_complete(found));
	/* 0: however long it takes. */
	options.seconds = 0;
	search_with(&options, sockets, 1);
	assert_holdings("70:1/3 ");
	assert_true(process_search_is_complete(found));
}

static void what_hinders_a_search_is_told(void **state)
{
	static const struct socket_identity sockets[] = {{70, 2}};
	struct process_search_options options = options_of(true);
	struct process_search *none = NULL;

	(void)state;
	listed.result = -ENOMEM;
	assert_result(process_search(&options, sockets, 1, &none), -ENOMEM);
	assert_null(none);
	options = options_of(false);
	options.procfs = workspace_path(&proc, "none");
	assert_result(process_search(&options, sockets, 1, &none), -ENOENT);
	assert_null(none);
}

/* A process that changes its cgroup while the cgroups are read is in both. */
static void a_process_that_is_listed_twice_is_told_once(void **state)
{
	static const struct socket_identity sockets[] = {{70, 2}, {71, 3}, {72, 6}};
	const struct process_search_options options = options_of(true);

	(void)state;
	add(1, "init\n");
	add_holder(21, "mover\n", 3, "socket:[70]");
	fake_proc_open(&proc, 21, 4, "socket:[71]");
	add_holder(62, "listed\n", 3, "socket:[72]");
	search_with(&options, sockets, LENGTH(sockets));
	assert_holdings("70:21/3 71:21/4 72:62/3 ");
	assert_processes("21 mover|62 listed|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(holders_are_found_and_named),
	    TEST(what_was_found_is_found_again),
	    TEST(nothing_asked_for_is_nothing_found),
	    TEST(one_inode_may_be_asked_for_twice),
	    TEST(the_cgroups_processes_are_looked_at_first),
	    TEST(everyone_may_be_asked_for_at_once),
	    TEST(one_socket_not_found_sends_it_to_everyone),
	    TEST(a_socket_that_nobody_has_is_looked_for_everywhere),
	    TEST(a_socket_without_a_cgroup_is_looked_for_everywhere),
	    TEST(where_only_init_has_it_everyone_is_looked_at),
	    TEST(where_init_is_hidden_nothing_is_complete),
	    TEST(entries_that_are_no_processes_are_passed_over),
	    TEST(a_deadline_that_passes_leaves_it_incomplete),
	    TEST(what_hinders_a_search_is_told),
	    TEST(a_process_that_is_listed_twice_is_told_once),
	};

	return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
