// SPDX-License-Identifier: Apache-2.0
/* The path of a cgroup, which whoever may make cgroups names. */
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/container.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = fuzz_string(data, size);
	struct container container;

	container_parse(path, &container);
	free(path);

	const size_t uid = strnlen(container.pod_uid, sizeof(container.pod_uid));
	const size_t id = strnlen(container.id, sizeof(container.id));

	FUZZ_CHECK(uid == 0 || uid == 32 || uid == 36);
	FUZZ_CHECK(strspn(container.pod_uid, "0123456789abcdef-") == uid);
	FUZZ_CHECK(id == 0 || id == 64);
	FUZZ_CHECK(strspn(container.id, "0123456789abcdef") == id);
	return 0;
}
