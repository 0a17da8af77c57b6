// SPDX-License-Identifier: Apache-2.0
/* What is left of a process's privileges; each case in a child, for there is no way back. */
#include "exporter/daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "unit.h"

#define NOBODY 65534

static void a_user_is_found_by_name_and_number(void **state)
{
	uid_t uid = 1;
	gid_t gid = 1;

	(void)state;
	assert_result(privileges_find_user("root", &uid, &gid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 0);
	assert_result(privileges_find_user("nobody", &uid, &gid), 0);
	assert_int_equal(uid, NOBODY);
	/* The group of whoever has the number. */
	assert_result(privileges_find_user("0", &uid, &gid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 0);
	/* Nobody's: not group 0, which is root's. */
	assert_result(privileges_find_user("4100200300", &uid, &gid), 0);
	assert_int_equal(uid, 4100200300u);
	assert_int_equal(gid, 4100200300u);
	assert_result(privileges_find_user("4294967294", &uid, &gid), 0);
	assert_int_equal(uid, 4294967294u);
}

static void what_is_no_user_is_told(void **state)
{
	static const char *const wrong[] = {"", "no-such-user", "-1", "+1", "1x", " 1",
	    "4294967295", "4294967296", "18446744073709551616", "0x10"};
	uid_t uid = 17;
	gid_t gid = 18;

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		const int result = privileges_find_user(wrong[i], &uid, &gid);

		if (result != -ENOENT)
			fail_msg("\"%s\": %d", wrong[i], result);
	}
	assert_int_equal(uid, 17);
	assert_int_equal(gid, 18);
}

/* Exactly these capabilities, in the permitted and the effective set alone. */
static bool has_only(const cap_value_t *wanted, int length)
{
	cap_t found = cap_get_proc();
	cap_t expected = cap_init();

	if (length) {
		cap_set_flag(expected, CAP_PERMITTED, length, wanted, CAP_SET);
		cap_set_flag(expected, CAP_EFFECTIVE, length, wanted, CAP_SET);
	}

	const bool same = cap_compare(found, expected) == 0;

	cap_free(found);
	cap_free(expected);
	for (cap_value_t i = 0; i < cap_max_bits(); i++)
		if (cap_get_ambient(i) == CAP_SET)
			return false;
	return same;
}

static bool is_user(uid_t uid)
{
	uid_t ids[3];
	gid_t groups[3];

	return getresuid(&ids[0], &ids[1], &ids[2]) == 0 &&
	       getresgid(&groups[0], &groups[1], &groups[2]) == 0 && ids[0] == uid &&
	       ids[1] == uid && ids[2] == uid && groups[0] == uid && groups[1] == uid &&
	       groups[2] == uid && (uid == 0 || getgroups(0, NULL) == 0);
}

static bool is_bounded(void)
{
	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			return false;
	return true;
}

static int root_keeps_nothing(void)
{
	const struct privileges_options options = {"65534", 0};
	const gid_t groups[] = {1, 2};
	struct privileges_report report;

	if (setgroups(2, groups) < 0)
		return 1;
	if (privileges_drop(&options, &report) < 0)
		return 2;
	if (!is_user(NOBODY))
		return 3;
	if (!has_only(NULL, 0) || !is_bounded())
		return 4;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) != 0)
		return 5;
	if (report.refused || strcmp(report.kept, "none") != 0 || !report.is_bounded)
		return 6;
	return setresuid(0, 0, 0) == 0 ? 7 : 0;
}

static int root_keeps_what_is_needed(void)
{
	static const cap_value_t wanted[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
	const struct privileges_options options = {"65534", PRIVILEGES_HOLDERS};
	struct privileges_report report;

	if (privileges_drop(&options, &report) < 0)
		return 1;
	if (!is_user(NOBODY) || !has_only(wanted, 2) || !is_bounded())
		return 2;
	return !strstr(report.kept, "CAP_SYS_PTRACE (") ||
	       !strstr(report.kept, "CAP_DAC_READ_SEARCH (");
}

static int root_keeps_net_admin_for_netfilter(void)
{
	static const cap_value_t wanted[] = {CAP_NET_ADMIN};
	static const cap_value_t all[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_NET_ADMIN};
	const struct privileges_options options = {"65534", PRIVILEGES_NET_ADMIN};
	const struct privileges_options both = {"65534", PRIVILEGES_NET_ADMIN | PRIVILEGES_HOLDERS};
	struct privileges_report report;
	const pid_t child = fork();
	int status = -1;

	/* All that can be kept is told in full. */
	if (child == 0)
		_exit(privileges_drop(&both, &report) < 0 || !has_only(all, 3) ||
		      !strstr(report.kept, "by netlink)"));
	if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
		return 1;
	if (privileges_drop(&options, &report) < 0)
		return 2;
	if (!is_user(NOBODY) || !has_only(wanted, 1) || !is_bounded())
		return 3;
	return strcmp(report.kept, "CAP_NET_ADMIN (to read connection tracking by netlink)") != 0;
}

static int root_may_stay_root(void)
{
	const struct privileges_options options = {"root", 0};
	struct privileges_report report;

	if (privileges_drop(&options, &report) < 0)
		return 1;
	if (!is_user(0) || !has_only(NULL, 0) || !is_bounded() || report.refused)
		return 2;
	return strcmp(report.user, "root") != 0;
}

static int an_unknown_user_is_an_error(void)
{
	const struct privileges_options options = {"no-such-user", 0};
	struct privileges_report report = {.error = 17};

	return privileges_drop(&options, &report) != -ENOENT || report.error != 17;
}

/* As a service manager gives them to a service of another user than root. */
static int become_user_with(const cap_value_t *capabilities, int length)
{
	cap_t set = cap_init();

	cap_set_flag(set, CAP_PERMITTED, length, capabilities, CAP_SET);
	cap_set_flag(set, CAP_EFFECTIVE, length, capabilities, CAP_SET);
	cap_set_flag(set, CAP_INHERITABLE, length, capabilities, CAP_SET);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 ||
	    cap_set_proc(set) < 0)
		return -1;
	for (int i = 0; i < length; i++)
		if (cap_set_ambient(capabilities[i], CAP_SET) < 0)
			return -1;
	return cap_free(set);
}

static int another_user_keeps_what_is_needed_of_its_own(void)
{
	static const cap_value_t given[] = {CAP_SYS_PTRACE, CAP_NET_RAW, CAP_SETPCAP};
	/* Nobody becomes another user but root: it need not even exist. */
	const struct privileges_options options = {"no-such-user", PRIVILEGES_HOLDERS};
	struct privileges_report report;

	if (become_user_with(given, LENGTH(given)) < 0)
		return 1;
	if (privileges_drop(&options, &report) < 0)
		return 2;
	if (!is_user(NOBODY) || !has_only(given, 1) || !is_bounded())
		return 3;
	return strstr(report.kept, "CAP_DAC_READ_SEARCH") != NULL;
}

static int another_user_loses_what_is_not_needed(void)
{
	static const cap_value_t given[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_NET_ADMIN};
	const struct privileges_options options = {"nobody", 0};
	struct privileges_report report;

	if (become_user_with(given, LENGTH(given)) < 0)
		return 1;
	if (privileges_drop(&options, &report) < 0)
		return 2;
	/* The bounding set is not its to change. */
	return !has_only(NULL, 0) || is_bounded() || report.is_bounded;
}

static int become_without(cap_value_t capability)
{
	cap_t set = cap_get_proc();

	cap_set_flag(set, CAP_EFFECTIVE, 1, &capability, CAP_CLEAR);
	cap_set_flag(set, CAP_PERMITTED, 1, &capability, CAP_CLEAR);
	return cap_set_proc(set) < 0 ? -1 : cap_free(set);
}

/*
 * As in a container without CAP_SETPCAP: what a program that root starts would otherwise get back.
 * The bounding set stays, and means nothing.
 */
static int a_full_bounding_set_gives_nothing_back(void)
{
	const struct privileges_options options = {"root", 0};
	struct privileges_report report;

	if (become_without(CAP_SETPCAP) < 0)
		return 1;
	if (privileges_drop(&options, &report) < 0)
		return 2;
	if (report.is_bounded || is_bounded() || geteuid() != 0)
		return 3;
	execl("/bin/sh", "sh", "-c",
	    "grep -q '^CapPrm:.0000000000000000$' /proc/self/status && "
	    "grep -q '^CapEff:.0000000000000000$' /proc/self/status",
	    NULL);
	return 4;
}

/* As in a container without CAP_SETUID. */
static int root_that_may_not_change_goes_on(void)
{
	const struct privileges_options options = {"nobody", 0};
	struct privileges_report report;

	if (become_without(CAP_SETUID) < 0)
		return 1;
	if (privileges_drop(&options, &report) < 0)
		return 2;
	if (!report.refused || strcmp(report.refused, "setresuid") != 0 || report.error != -EPERM)
		return 3;
	if (geteuid() != 0 || getegid() != NOBODY || !has_only(NULL, 0) || !is_bounded())
		return 4;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static void run_as_root(int (*body)(void))
{
	if (geteuid() != 0 || cap_get_bound(CAP_SYS_PTRACE) != 1)
		skip();
	assert_int_equal(child_run(body), 0);
}

#define AS_ROOT(body)                         \
	static void test_##body(void **state) \
	{                                     \
		(void)state;                  \
		run_as_root(body);            \
	}

AS_ROOT(root_keeps_nothing)
AS_ROOT(root_keeps_what_is_needed)
AS_ROOT(root_keeps_net_admin_for_netfilter)
AS_ROOT(root_may_stay_root)
AS_ROOT(an_unknown_user_is_an_error)
AS_ROOT(another_user_keeps_what_is_needed_of_its_own)
AS_ROOT(another_user_loses_what_is_not_needed)
AS_ROOT(a_full_bounding_set_gives_nothing_back)
AS_ROOT(root_that_may_not_change_goes_on)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_user_is_found_by_name_and_number),
	    cmocka_unit_test(what_is_no_user_is_told),
	    cmocka_unit_test(test_root_keeps_nothing),
	    cmocka_unit_test(test_root_keeps_what_is_needed),
	    cmocka_unit_test(test_root_keeps_net_admin_for_netfilter),
	    cmocka_unit_test(test_root_may_stay_root),
	    cmocka_unit_test(test_an_unknown_user_is_an_error),
	    cmocka_unit_test(test_another_user_keeps_what_is_needed_of_its_own),
	    cmocka_unit_test(test_another_user_loses_what_is_not_needed),
	    cmocka_unit_test(test_a_full_bounding_set_gives_nothing_back),
	    cmocka_unit_test(test_root_that_may_not_change_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
