// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <pwd.h>
#include <stdio.h>

#include "fake_names.h"

int __wrap_getpwuid_r(
    uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **ret_entry);

int __wrap_getpwuid_r(
    uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **ret_entry)
{
	static const char *const names[] = {"alice", "\xff\x1b[2J", FAKE_LONG_NAME};

	*ret_entry = NULL;
	if (uid == 1003)
		return ERANGE;
	if (uid < 1000 || uid > 1002)
		return 0;
	snprintf(buffer, size, "%s", names[uid - 1000]);
	*entry = (struct passwd){.pw_name = buffer, .pw_uid = uid};
	*ret_entry = entry;
	return 0;
}
