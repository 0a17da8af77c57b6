// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/release.h"

#include <stdlib.h>
#include <sys/utsname.h>

bool release_is_at_least(long major, long minor)
{
	struct utsname name;
	char *end;

	if (uname(&name) < 0)
		return false;

	const long its_major = strtol(name.release, &end, 10);
	const long its_minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	return its_major > major || (its_major == major && its_minor >= minor);
}
