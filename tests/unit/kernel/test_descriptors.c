// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/descriptors.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_proc.h"
#include "unit.h"

/* As many as one search keeps (descriptors.c). */
#define KEPT 65536
#define PER_PROCESS 2048

static struct workspace proc;
static struct holdings found;

/* CMakeLists.txt puts these in the place of the real ones, which they call but for a while. */
int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
long __real_sysconf(int name);
long __wrap_sysconf(int name);

static bool clock_runs;
static bool one_processor;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	static long seconds;

	if (!clock_runs)
		return __real_clock_gettime(clock, ret_time);
	*ret_time = (struct timespec){.tv_sec = ++seconds};
	return 0;
}

long __wrap_sysconf(int name)
{
	return one_processor && name == _SC_NPROCESSORS_ONLN ? 1 : __real_sysconf(name);
}

static int set_up(void **state)
{
	(void)state;
	workspace_make(&proc);
	memset(&found, 0, sizeof(found));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(found.list);
	workspace_remove(&proc);
	return 0;
}

static void scan_for(const int *pids, size_t pids_length, const uint32_t *inodes,
    size_t inodes_length, const struct timespec *deadline)
{
	assert_result(
	    descriptors_scan(proc.path, pids, pids_length, inodes, inodes_length, deadline, &found),
	    0);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct holding));
}

/* "INODE:PID/FD ..." in some fixed order. */
static void assert_found(const char *wanted)
{
	char text[512] = "";

	if (found.length)
		qsort(found.list, found.length, sizeof(*found.list), compare);
	for (size_t i = 0; i < found.length && i < 20; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u:%d/%d ",
		    found.list[i].inode, found.list[i].pid, found.list[i].fd);
	assert_string_equal(text, wanted);
	assert_false(found.truncated || found.late);
}

static void open_link(int pid, int fd, const char *link)
{
	fake_proc_open(&proc, pid, fd, link);
}

/* Descriptors from 0 on, all of them of socket 7: links of one file, which are made fastest. */
static void open_many(int pid, int count)
{
	char name[32];
	int directory;

	open_link(pid, 0, "socket:[7]");
	snprintf(name, sizeof(name), "%d/fd", pid);
	directory = open(workspace_path(&proc, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	for (int fd = 1; fd < count; fd++) {
		snprintf(name, sizeof(name), "%d", fd);
		assert_result(linkat(directory, "0", directory, name, 0), 0);
	}
	close(directory);
}

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

/* More than there are threads, so that each has several. */
static void processes_are_shared_among_threads(void **state)
{
	static int pids[500];
	static const uint32_t inodes[] = {7, 8};
	unsigned long sum = 0;

	(void)state;
	for (int i = 0; i < (int)LENGTH(pids); i++) {
		pids[i] = 1000 + i;
		open_link(pids[i], 3, i % 2 ? "socket:[7]" : "socket:[8]");
		if (i % 5 == 0)
			open_link(pids[i], 9, "socket:[8]");
	}
	scan_for(pids, LENGTH(pids), inodes, 2, NULL);
	assert_int_equal(found.length, 600);
	for (size_t i = 0; i < found.length; i++)
		sum += (unsigned long)found.list[i].pid * (unsigned long)found.list[i].fd;
	/* Each process once by descriptor 3, every fifth by 9. */
	assert_int_equal(
	    sum, 3 * (500 * 1000 + 499 * 500 / 2) + 9 * (100 * 1000 + 5 * 99 * 100 / 2));
	assert_false(found.truncated || found.late);
	assert_int_equal(found.unreadable, 0);
}

static struct timespec from_now(long seconds)
{
	struct timespec then;

	clock_gettime(CLOCK_MONOTONIC, &then);
	then.tv_sec += seconds;
	return then;
}

static void it_gives_up_at_the_deadline(void **state)
{
	static const int pids[] = {12, 13};
	static const uint32_t inodes[] = {7};
	struct timespec deadline = from_now(-1);

	(void)state;
	open_link(12, 3, "socket:[7]");
	open_link(13, 3, "socket:[7]");
	scan_for(pids, 2, inodes, 1, &deadline);
	assert_int_equal(found.length, 0);
	assert_true(found.late);
	found.late = false;
	deadline = from_now(0);
	scan_for(pids, 2, inodes, 1, &deadline);
	assert_true(found.late);
	found.late = false;
	deadline = from_now(600);
	scan_for(pids, 2, inodes, 1, &deadline);
	assert_found("7:12/3 7:13/3 ");
}

/* One process may have more descriptors than there is time for. */
static void the_deadline_counts_within_a_process_too(void **state)
{
	static const int pids[] = {12};
	static const uint32_t inodes[] = {7};
	const struct timespec deadline = {.tv_sec = 2};

	(void)state;
	open_many(12, 1500);
	/* Each time that it looks at the clock a second has passed. */
	clock_runs = true;
	scan_for(pids, 1, inodes, 1, &deadline);
	clock_runs = false;
	assert_true(found.late);
	assert_true(found.length > 0 && found.length < 1500);
}

/* So many processes that share the descriptors of 2,000. */
static void share_descriptors(int *pids, size_t length)
{
	open_many(2000, PER_PROCESS);
	for (size_t i = 0; i < length; i++) {
		char name[32];

		pids[i] = 2000 + (int)i;
		snprintf(name, sizeof(name), "%d", pids[i]);
		if (i)
			workspace_symlink(&proc, name, "2000");
	}
}

static void there_is_a_limit_to_what_is_kept(void **state)
{
	static const uint32_t inodes[] = {7};
	int pids[KEPT / PER_PROCESS + 1];

	(void)state;
	share_descriptors(pids, LENGTH(pids));
	scan_for(pids, LENGTH(pids) - 1, inodes, 1, NULL);
	assert_int_equal(found.length, KEPT);
	assert_false(found.truncated);
	scan_for(&pids[LENGTH(pids) - 1], 1, inodes, 1, NULL);
	assert_int_equal(found.length, KEPT);
	assert_true(found.truncated);
	/* It stays said, whatever is found later. */
	scan_for(pids, 0, inodes, 1, NULL);
	assert_true(found.truncated);
}

/* Where one thread alone has too many, and those of all together are not. */
static void each_thread_says_where_it_has_too_many(void **state)
{
	static const uint32_t inodes[] = {7};
	int pids[KEPT / PER_PROCESS + 1];

	(void)state;
	share_descriptors(pids, LENGTH(pids));
	one_processor = true;
	scan_for(pids, LENGTH(pids), inodes, 1, NULL);
	one_processor = false;
	assert_int_equal(found.length, KEPT);
	assert_true(found.truncated);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
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
	    TEST(processes_are_shared_among_threads),
	    TEST(it_gives_up_at_the_deadline),
	    TEST(the_deadline_counts_within_a_process_too),
	    TEST(there_is_a_limit_to_what_is_kept),
	    TEST(each_thread_says_where_it_has_too_many),
	};

	return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
