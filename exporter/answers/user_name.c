// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/user_name.h"

#include <pwd.h>
#include <stdio.h>

void user_name(uint32_t uid, char name[static USER_NAME_SIZE])
{
	struct passwd entry;
	struct passwd *found = NULL;
	char buffer[4096];

	name[0] = '\0';
	/* A name that does not fit is left out. */
	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		snprintf(name, USER_NAME_SIZE, "%s", found->pw_name);
}
