// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/descriptors.h"

#include <sys/stat.h>
#include <unistd.h>

#include "descriptor_host.h"
#include "fake_proc.h"
#include "unit.h"

static void finds_the_descriptors_of_a_socket(void **state)
{
	static const int pids[] = {12};
	static const uint32_t inodes[] = {7};

	(void)state;
	open_link(12, 0, "/dev/null");
	open_link(12, 1, "pipe:[7]");
	open_link(12, 3, "socket:[7]");
	open_link(12, 4, "socket:[8]");
	open_link(12, 17, "anon_inode:[eventpoll]");
	scan_for(pids, 1, inodes, 1, NULL);
	assert_found("7:12/3 ");
	assert_int_equal(found.unreadable, 0);
}

static void one_socket_may_be_held_many_times(void **state)
{
	static const int pids[] = {12, 13, 14};
	static const uint32_t inodes[] = {7, 9, 4294967295u};

	(void)state;
	open_link(12, 3, "socket:[7]");
	open_link(12, 5, "socket:[7]");
	open_link(12, 6, "socket:[4294967295]");
	open_link(13, 3, "socket:[7]");
	open_link(13, 4, "socket:[9]");
	open_link(14, 3, "socket:[8]");
	scan_for(pids, 3, inodes, 3, NULL);
	assert_found("7:12/3 7:12/5 7:13/3 9:13/4 4294967295:12/6 ");
}

static void only_those_asked_for_are_looked_at(void **state)
{
	static const int pids[] = {13};
	static const uint32_t inodes[] = {7};

	(void)state;
	open_link(12, 3, "socket:[7]");
	open_link(13, 4, "socket:[7]");
	scan_for(pids, 1, inodes, 1, NULL);
	assert_found("7:13/4 ");
	scan_for(pids, 0, inodes, 1, NULL);
	assert_found("7:13/4 ");
	scan_for(pids, 1, inodes, 0, NULL);
	assert_found("7:13/4 ");
}

/* What it finds is added to what the caller has. */
static void a_second_scan_adds(void **state)
{
	static const int first[] = {12};
	static const int second[] = {13};
	static const uint32_t inodes[] = {7};

	(void)state;
	open_link(12, 3, "socket:[7]");
	open_link(13, 4, "socket:[7]");
	fake_proc_add_unreadable(&proc, 14);
	scan_for(first, 1, inodes, 1, NULL);
	scan_for(second, 1, inodes, 1, NULL);
	scan_for((const int[]){14}, 1, inodes, 1, NULL);
	scan_for((const int[]){14}, 1, inodes, 1, NULL);
	assert_found("7:12/3 7:13/4 ");
	assert_int_equal(found.unreadable, 2);
}

static void links_that_only_look_like_sockets_are_none(void **state)
{
	static const char *const links[] = {"socket:[7", "socket:7]", "socket:[]", "socket:[",
	    "socket:", "s", "socket:[-7]", "socket:[ 7]", "socket:[7 ]", "socket:[+7]",
	    "socket:[7]]", "socket:[[7]", "socket:[7x]", "socket:[0x7]", "Socket:[7]", "socket[7]",
	    "socket:(7)", "/socket:[7]", "socket:[7] (deleted)", "socket:[4294967303]",
	    "socket:[18446744073709551623]", "socket:[340282366920938463463374607431768211463]",
	    "socket:[700000000000000000000000000000000000000000000000000000000000000]",
	    "socket:[000000000000000000000000000000000000000000000000000000000000007]"};
	static const int pids[] = {12};
	static const uint32_t inodes[] = {0, 7};

	(void)state;
	for (size_t i = 0; i < LENGTH(links); i++)
		open_link(12, (int)i, links[i]);
	scan_for(pids, 1, inodes, 2, NULL);
	assert_found("");
	open_link(12, 99, "socket:[0000000000000000000007]");
	open_link(12, 100, "socket:[0]");
	scan_for(pids, 1, inodes, 2, NULL);
	assert_found("0:12/100 7:12/99 ");
}

static void names_that_are_no_descriptors_are_passed_over(void **state)
{
	static const char *const names[] = {
	    "12/fd/x", "12/fd/3x", "12/fd/-3", "12/fd/2147483648", "12/fd/.3"};
	static const int pids[] = {12};
	static const uint32_t inodes[] = {7};

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++)
		workspace_symlink(&proc, names[i], "socket:[7]");
	open_link(12, 2147483647, "socket:[7]");
	/* Nor is what is no link: in /proc there is nothing else. */
	workspace_write(&proc, "12/fd/5", "socket:[7]");
	workspace_mkdir(&proc, "12/fd/6");
	scan_for(pids, 1, inodes, 1, NULL);
	assert_found("7:12/2147483647 ");
}

static void a_process_that_has_ended_has_none(void **state)
{
	static const int pids[] = {12, 13, 14};
	static const uint32_t inodes[] = {7};

	(void)state;
	open_link(13, 3, "socket:[7]");
	workspace_mkdir(&proc, "14");
	scan_for(pids, 3, inodes, 1, NULL);
	assert_found("7:13/3 ");
	assert_int_equal(found.unreadable, 0);
}

static void what_may_not_be_read_is_counted(void **state)
{
	static const int pids[] = {12, 13, 14, 15};
	static const uint32_t inodes[] = {7};

	(void)state;
	fake_proc_add_unreadable(&proc, 12);
	fake_proc_add_unreadable(&proc, 13);
	fake_proc_add_unreadable(&proc, 15);
	open_link(14, 3, "socket:[7]");
	scan_for(pids, 4, inodes, 1, NULL);
	assert_found("7:14/3 ");
	assert_int_equal(found.unreadable, 3);
}

static void an_ordinary_user_may_not_read_everything(void **state)
{
	static const int pids[] = {12};
	static const uint32_t inodes[] = {7};
	const uid_t user = geteuid();

	(void)state;
	open_link(12, 3, "socket:[7]");
	assert_result(chmod(proc.path, 0755), 0);
	assert_result(chmod(workspace_path(&proc, "12"), 0755), 0);
	assert_result(chmod(workspace_path(&proc, "12/fd"), 0), 0);
	/* Root may read all, so here it is nobody for a moment. */
	if (user == 0)
		assert_result(seteuid(65534), 0);
	scan_for(pids, 1, inodes, 1, NULL);
	if (user == 0)
		assert_result(seteuid(0), 0);
	assert_result(chmod(workspace_path(&proc, "12/fd"), 0700), 0);
	assert_found("");
	assert_int_equal(found.unreadable, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(finds_the_descriptors_of_a_socket),
	    TEST(one_socket_may_be_held_many_times),
	    TEST(only_those_asked_for_are_looked_at),
	    TEST(a_second_scan_adds),
	    TEST(links_that_only_look_like_sockets_are_none),
	    TEST(names_that_are_no_descriptors_are_passed_over),
	    TEST(a_process_that_has_ended_has_none),
	    TEST(what_may_not_be_read_is_counted),
	    TEST(an_ordinary_user_may_not_read_everything),
	};

	return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
