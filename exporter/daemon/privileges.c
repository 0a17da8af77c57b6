// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "exporter/answers/user_name.h"
#include "exporter/base/number.h"
#include "exporter/base/sanitized.h"

/* The id of "nobody" in the kernel and in every distribution. */
#define NOBODY "nobody"
#define NOBODY_ID 65534

#define ENTRY_SIZE 16384

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The capabilities that features need. */
static const struct need {
	unsigned feature;
	cap_value_t capability;
	const char *name;
	const char *purpose;
} needs[] = {
    {PRIVILEGES_HOLDERS, CAP_SYS_PTRACE, "CAP_SYS_PTRACE",
	"to see which sockets other users' processes hold"},
    {PRIVILEGES_HOLDERS, CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH",
	"to list the descriptors of their processes"},
    {PRIVILEGES_NET_ADMIN, CAP_NET_ADMIN, "CAP_NET_ADMIN",
	"to read connection tracking by netlink"},
};

static void find_by_number(uid_t uid, uid_t *ret_uid, gid_t *ret_gid)
{
	struct passwd entry;
	struct passwd *found = NULL;
	char buffer[ENTRY_SIZE];

	(void)getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found);
	*ret_gid = found ? found->pw_gid : (gid_t)uid;
	*ret_uid = uid;
}

static int find_by_name(const char *text, uid_t *ret_uid, gid_t *ret_gid)
{
	struct passwd entry;
	struct passwd *found = NULL;
	char buffer[ENTRY_SIZE];
	const int error = getpwnam_r(text, &entry, buffer, sizeof(buffer), &found);

	if (found) {
		*ret_uid = found->pw_uid;
		*ret_gid = found->pw_gid;
		return 0;
	}
	/* A container image may have no /etc/passwd. */
	if (strcmp(text, NOBODY) == 0) {
		*ret_uid = NOBODY_ID;
		*ret_gid = NOBODY_ID;
		return 0;
	}
	/* getpwnam(3) has many errors for "no such user"; these are the real ones. */
	switch (error) {
	case EINTR:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ERANGE:
		return -error;
	default:
		return -ENOENT;
	}
}

int privileges_find_user(const char *text, uid_t *ret_uid, gid_t *ret_gid)
{
	unsigned long number;

	/* To setresuid() the largest number means "do not change". */
	if (!number_parse(text, 0, UINT32_MAX - 1, &number))
		return find_by_name(text, ret_uid, ret_gid);
	find_by_number((uid_t)number, ret_uid, ret_gid);
	return 0;
}

/*
 * Returns whether it is empty now. Without CAP_SETPCAP it stays, which does no harm: it bounds what
 * a program gets by execve(), and with no_new_privs that is nothing.
 */
static bool empty_bounding_set(void)
{
	bool is_empty = true;

	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++) {
		(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) != 0)
			is_empty = false;
	}
	return is_empty;
}

/*
 * Does each step that is allowed: the user without its groups is better than root. The report names
 * the last step that was refused.
 */
static int become(uid_t uid, gid_t gid, struct privileges_report *report)
{
	const char *const names[] = {"setgroups", "setresgid", "setresuid"};
	int results[LENGTH(names)];

	results[0] = setgroups(0, NULL) < 0 ? -errno : 0;
	results[1] = setresgid(gid, gid, gid) < 0 ? -errno : 0;
	results[2] = setresuid(uid, uid, uid) < 0 ? -errno : 0;
	for (size_t i = 0; i < LENGTH(names); i++) {
		if (results[i] == 0)
			continue;
		if (results[i] != -EPERM && results[i] != -EINVAL)
			return results[i];
		report->refused = names[i];
		report->error = results[i];
	}
	return 0;
}

static int change_user(const struct privileges_options *options, struct privileges_report *report)
{
	uid_t uid;
	gid_t gid;
	int result = privileges_find_user(options->user, &uid, &gid);

	if (result < 0)
		return result;
	/* Otherwise all capabilities would be lost with root. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	result = become(uid, gid, report);
	(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	return result;
}

static void tell_kept(const struct need *need, char kept[static PRIVILEGES_KEPT_SIZE])
{
	const size_t length = strlen(kept);

	snprintf(kept + length, PRIVILEGES_KEPT_SIZE - length, "%s%s (%s)", length ? ", " : "",
	    need->name, need->purpose);
}

/* Copies the capabilities that are needed and permitted from before to after. */
static int choose(const struct privileges_options *options, cap_t before, cap_t after,
    struct privileges_report *report)
{
	report->kept[0] = '\0';
	for (size_t i = 0; i < LENGTH(needs); i++) {
		const cap_value_t *capability = &needs[i].capability;
		cap_flag_value_t permitted = CAP_CLEAR;

		if (!(options->features & needs[i].feature) ||
		    cap_get_flag(before, *capability, CAP_PERMITTED, &permitted) < 0 ||
		    permitted == CAP_CLEAR)
			continue;
		if (cap_set_flag(after, CAP_PERMITTED, 1, capability, CAP_SET) < 0 ||
		    cap_set_flag(after, CAP_EFFECTIVE, 1, capability, CAP_SET) < 0)
			return -errno;
		tell_kept(&needs[i], report->kept);
	}
	if (!report->kept[0])
		snprintf(report->kept, sizeof(report->kept), "none");
	return 0;
}

static int drop_capabilities(
    const struct privileges_options *options, struct privileges_report *report)
{
	cap_t before = cap_get_proc();
	cap_t after = cap_init(); /* every set is empty; the ambient set follows them */
	int result = before && after ? 0 : -ENOMEM;

	if (result == 0)
		result = choose(options, before, after, report);
	if (result == 0 && cap_set_proc(after) < 0)
		result = -errno;
	if (before)
		cap_free(before);
	if (after)
		cap_free(after);
	return result;
}

static void tell_user(char text[static PRIVILEGES_USER_SIZE])
{
	char name[USER_NAME_SIZE];

	user_name(geteuid(), name);
	if (name[0])
		snprintf(text, PRIVILEGES_USER_SIZE, "%s", name);
	else
		snprintf(text, PRIVILEGES_USER_SIZE, "%u", geteuid());
}

int privileges_drop(const struct privileges_options *options, struct privileges_report *ret_report)
{
	struct privileges_report report = {.refused = NULL};
	int result = 0;

	report.is_bounded = empty_bounding_set();
	if (geteuid() == 0)
		result = change_user(options, &report);
	if (result == 0)
		result = drop_capabilities(options, &report);
	if (result < 0)
		return result;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/*
	 * Other programs run as "nobody" too, and could trace us: there may be a key in our
	 * memory. LeakSanitizer must be able to trace us.
	 */
	if (prctl(PR_SET_DUMPABLE, EPHEMERA_SANITIZED, 0, 0, 0) < 0)
		return -errno;
	tell_user(report.user);
	*ret_report = report;
	return 0;
}
