// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/lease_copy.h"

#include <stdlib.h>
#include <string.h>

struct lease *lease_copy(const struct lease *lease)
{
	struct lease copied = *lease;
	const char **const texts[] = {&copied.source, &copied.destination, &copied.ended,
	    &copied.process, &copied.cgroup, &copied.pod_uid, &copied.container_id};
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	size_t size = sizeof(copied);
	struct lease *copy;
	char *at;

	for (size_t i = 0; i < count; i++)
		size += *texts[i] ? strlen(*texts[i]) + 1 : 0;
	copy = malloc(size);
	if (!copy)
		return NULL;
	at = (char *)(copy + 1);
	for (size_t i = 0; i < count; i++) {
		if (!*texts[i])
			continue;

		const size_t length = strlen(*texts[i]) + 1;

		*texts[i] = memcpy(at, *texts[i], length);
		at += length;
	}
	*copy = copied;
	return copy;
}
