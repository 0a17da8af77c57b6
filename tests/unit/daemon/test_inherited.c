// SPDX-License-Identifier: Apache-2.0
/* What a parent left open; each case in a child, whose descriptors it closes. */
#include "exporter/daemon/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "unit.h"

/* Those that a parent leaves: with gaps, and far up. */
static const int left_open[] = {3, 4, 5, 9, 77, 200};

/* As on Linux before 5.9. */
static bool has_no_close_range;
int __real_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags);

int __wrap_close_range(unsigned first, unsigned last, int flags)
{
	if (!has_no_close_range)
		return __real_close_range(first, last, flags);
	errno = ENOSYS;
	return -1;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_null_device(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
	       status.st_rdev == makedev(1, 3);
}

static int leave_open(void)
{
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < LENGTH(left_open); i++)
		if (fd != left_open[i] && dup2(fd, left_open[i]) < 0)
			return -1;
	return 0;
}

/* Whether of all descriptors only those below end are open. */
static bool is_open_below(int end)
{
	for (int fd = 0; fd < 1024; fd++)
		if (is_open(fd) != (fd < end))
			return false;
	return true;
}

static int only_the_standard_ones_stay(void)
{
	return leave_open() < 0 || inherited_close(0) < 0 || !is_open_below(3);
}

static int sockets_of_systemd_stay(void)
{
	return leave_open() < 0 || inherited_close(2) < 0 || !is_open_below(5);
}

static int closed_standard_ones_become_the_null_device(void)
{
	const bool others_are_open = is_open(STDOUT_FILENO);

	close(STDIN_FILENO);
	close(STDERR_FILENO);
	if (!others_are_open || inherited_close(0) < 0)
		return 1;
	return !is_null_device(STDIN_FILENO) || !is_null_device(STDERR_FILENO) || !is_open_below(3);
}

/* All three, and one that is kept next to them. */
static int nothing_else_takes_their_place(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	if (inherited_close(0) < 0)
		return 1;
	return open("/", O_RDONLY | O_CLOEXEC) != 3 || !is_null_device(STDERR_FILENO);
}

static void run_both_ways(int (*body)(void))
{
	for (int i = 0; i < 2; i++) {
		has_no_close_range = i;
		assert_int_equal(child_run(body), 0);
	}
	has_no_close_range = false;
}

#define IN_CHILD(body)                        \
	static void test_##body(void **state) \
	{                                     \
		(void)state;                  \
		run_both_ways(body);          \
	}

IN_CHILD(only_the_standard_ones_stay)
IN_CHILD(sockets_of_systemd_stay)
IN_CHILD(closed_standard_ones_become_the_null_device)
IN_CHILD(nothing_else_takes_their_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_the_standard_ones_stay),
	    cmocka_unit_test(test_sockets_of_systemd_stay),
	    cmocka_unit_test(test_closed_standard_ones_become_the_null_device),
	    cmocka_unit_test(test_nothing_else_takes_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
