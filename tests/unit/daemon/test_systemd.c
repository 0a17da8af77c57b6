// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/systemd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"

static char own_pid[16];
static char other_pid[16];

static int set_up(void **state)
{
	static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
	    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};

	(void)state;
	for (size_t i = 0; i < LENGTH(variables); i++)
		unsetenv(variables[i]);
	snprintf(own_pid, sizeof(own_pid), "%d", getpid());
	snprintf(other_pid, sizeof(other_pid), "%d", getppid());
	return 0;
}

/* NULL: not set. */
static const char *take(const char *pid, const char *fds, size_t *ret_count)
{
	const char *wrong;

	set_up(NULL);
	if (pid)
		setenv("LISTEN_PID", pid, 1);
	if (fds)
		setenv("LISTEN_FDS", fds, 1);
	setenv("LISTEN_FDNAMES", "http", 1);
	wrong = systemd_take_sockets(ret_count);
	/* Nobody whom we start may think that they are theirs. */
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
	return wrong;
}

static void sockets_are_counted(void **state)
{
	size_t count = 0;

	(void)state;
	assert_null(take(own_pid, "1", &count));
	assert_int_equal(count, 1);
	assert_null(take(own_pid, "16", &count));
	assert_int_equal(count, 16);
	assert_null(take(own_pid, "2147483644", &count));
	assert_int_equal(count, 2147483644);
}

static void sockets_of_nobody_or_of_others_are_not_taken(void **state)
{
	const struct {
		const char *pid, *fds, *wrong;
	} bad[] = {
	    {NULL, NULL, "no sockets were passed (LISTEN_PID, LISTEN_FDS)"},
	    {own_pid, NULL, "no sockets were passed (LISTEN_PID, LISTEN_FDS)"},
	    {NULL, "1", "no sockets were passed (LISTEN_PID, LISTEN_FDS)"},
	    {other_pid, "1", "the sockets were passed to another process (LISTEN_PID)"},
	    {"", "1", "the sockets were passed to another process (LISTEN_PID)"},
	    {"-1", "1", "the sockets were passed to another process (LISTEN_PID)"},
	    {"99999999999999999999", "1",
		"the sockets were passed to another process (LISTEN_PID)"},
	    {own_pid, "0", "no sockets were passed (LISTEN_FDS is 0)"},
	    {own_pid, "", "LISTEN_FDS must be a number of sockets"},
	    {own_pid, "-1", "LISTEN_FDS must be a number of sockets"},
	    {own_pid, "+1", "LISTEN_FDS must be a number of sockets"},
	    {own_pid, " 1", "LISTEN_FDS must be a number of sockets"},
	    {own_pid, "1x", "LISTEN_FDS must be a number of sockets"},
	    {own_pid, "2147483645", "LISTEN_FDS must be a number of sockets"},
	    {own_pid, "18446744073709551617", "LISTEN_FDS must be a number of sockets"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		size_t count = 7;
		const char *wrong = take(bad[i].pid, bad[i].fds, &count);

		assert_non_null(wrong);
		assert_string_equal(wrong, bad[i].wrong);
		assert_int_equal(count, 7);
	}
}

/* A socket that hears what is told, at path, or in the abstract namespace where it begins with @.
 */
static int hear(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t length = strlen(path);
	const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	assert_result(bind(fd, (struct sockaddr *)&address,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
	    0);
	setenv("NOTIFY_SOCKET", path, 1);
	return fd;
}

static void assert_heard(int fd, const char *wanted)
{
	char heard[256];
	const ssize_t length = recv(fd, heard, sizeof(heard) - 1, MSG_DONTWAIT);

	if (length < 0)
		fail_msg("nothing was heard of: %s", wanted);
	heard[length] = '\0';
	assert_string_equal(heard, wanted);
}

static void tells_a_path(void **state)
{
	char directory[] = "/tmp/ephemera-XXXXXX";
	char path[64];
	struct systemd systemd;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/notify", directory);
	fd = hear(path);
	assert_result(systemd_open(&systemd), 0);
	/* Connected: it may be gone from our sight by the time that we tell. */
	assert_result(unlink(path), 0);
	assert_result(rmdir(directory), 0);
	systemd_tell(&systemd, "READY=1\nSTATUS=x");
	assert_heard(fd, "READY=1\nSTATUS=x");
	systemd_close(&systemd);
	close(fd);
}

static void tells_an_abstract_socket(void **state)
{
	char name[64];
	struct systemd systemd;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@ephemera-test-%d", getpid());
	fd = hear(name);
	assert_result(systemd_open(&systemd), 0);
	systemd_tell(&systemd, "STOPPING=1");
	assert_heard(fd, "STOPPING=1");
	/* Nor does it matter that it is gone. */
	close(fd);
	systemd_tell(&systemd, "WATCHDOG=1");
	systemd_close(&systemd);
	systemd_close(&systemd);
}

static void nobody_need_be_told(void **state)
{
	struct systemd systemd;

	(void)state;
	assert_result(systemd_open(&systemd), 0);
	assert_int_equal(systemd.fd, -1);
	setenv("WATCHDOG_USEC", "1000000", 1);
	assert_null(systemd_read_watchdog(&systemd));
	assert_true(systemd.watchdog_seconds <= 0);
	systemd_tell(&systemd, "READY=1");
	systemd_close(&systemd);
}

static void wrong_sockets_are_refused(void **state)
{
	static const struct {
		const char *path;
		int result;
	} bad[] = {
	    {"", -EAFNOSUPPORT},
	    {"relative", -EAFNOSUPPORT},
	    {"vsock:2:1234", -EAFNOSUPPORT},
	    {"/", -EINVAL},
	    {"@", -EINVAL},
	    {"/nonexistent/notify", -ENOENT},
	    {"@ephemera-test-nobody", -ECONNREFUSED},
	    {"/tmp", -ECONNREFUSED},
	};
	char path[200] = "/";
	struct systemd systemd;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		setenv("NOTIFY_SOCKET", bad[i].path, 1);
		assert_result(systemd_open(&systemd), bad[i].result);
		assert_int_equal(systemd.fd, -1);
		systemd_tell(&systemd, "READY=1");
		systemd_close(&systemd);
	}
	memset(path + 1, 'x', sizeof(path) - 2);
	setenv("NOTIFY_SOCKET", path, 1);
	assert_result(systemd_open(&systemd), -ENAMETOOLONG);
	path[108] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	assert_result(systemd_open(&systemd), -ENAMETOOLONG);
	path[107] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	assert_result(systemd_open(&systemd), -ENOENT);
}

static void the_watchdog_has_a_period(void **state)
{
	const struct {
		const char *period, *pid, *wrong;
		double seconds;
	} all[] = {
	    {NULL, NULL, NULL, 0},
	    {NULL, own_pid, NULL, 0},
	    {"30000000", NULL, NULL, 30},
	    {"30000000", own_pid, NULL, 30},
	    {"30000000", other_pid, NULL, 0},
	    {"30000000", "", NULL, 0},
	    {"30000000", "x", NULL, 0},
	    {"100000", NULL, NULL, 0.1},
	    {"99999", NULL, "must be at least 100 milliseconds", 0},
	    {"0", NULL, "must be at least 100 milliseconds", 0},
	    {"", NULL, "must be a number of microseconds", 0},
	    {"-1", NULL, "must be a number of microseconds", 0},
	    {"1e9", NULL, "must be a number of microseconds", 0},
	    {"30s", NULL, "must be a number of microseconds", 0},
	    {"99999999999999999999999", NULL, "must be a number of microseconds", 0},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(all); i++) {
		struct systemd systemd = {.fd = 0}; /* somebody */
		const char *wrong;

		set_up(NULL);
		if (all[i].period)
			setenv("WATCHDOG_USEC", all[i].period, 1);
		if (all[i].pid)
			setenv("WATCHDOG_PID", all[i].pid, 1);
		wrong = systemd_read_watchdog(&systemd);
		if (all[i].wrong) {
			assert_non_null(wrong);
			assert_string_equal(wrong, all[i].wrong);
		} else {
			assert_null(wrong);
		}
		assert_float_equal(systemd.watchdog_seconds, all[i].seconds, 1e-9);
	}
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(sockets_are_counted),
	    TEST(sockets_of_nobody_or_of_others_are_not_taken),
	    TEST(tells_a_path),
	    TEST(tells_an_abstract_socket),
	    TEST(nobody_need_be_told),
	    TEST(wrong_sockets_are_refused),
	    TEST(the_watchdog_has_a_period),
	};

	return cmocka_run_group_tests_name("systemd", tests, NULL, NULL);
}
