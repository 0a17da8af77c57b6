// SPDX-License-Identifier: Apache-2.0
/* How threads share a search, and what ends it early. */
#include "collectors/kernel/descriptors.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "descriptor_host.h"
#include "unit.h"

/* As many as one search keeps (descriptors.c). */
#define KEPT 65536
#define PER_PROCESS 2048

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
	const struct CMUnitTest tests[] = {
	    TEST(processes_are_shared_among_threads),
	    TEST(it_gives_up_at_the_deadline),
	    TEST(the_deadline_counts_within_a_process_too),
	    TEST(there_is_a_limit_to_what_is_kept),
	    TEST(each_thread_says_where_it_has_too_many),
	};

	return cmocka_run_group_tests_name("descriptors_shared", tests, NULL, NULL);
}
