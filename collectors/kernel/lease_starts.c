// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/lease_starts.h"

#include <stdio.h>
#include <string.h>

#include "collectors/bpf/exhaustion.h"
#include "collectors/kernel/clock.h"
#include "collectors/kernel/procfs.h"

#define NS_PER_S 1000000000ll
#define OFFSETS_LIMIT 255

/* man 7 time_namespaces: a line is a clock, seconds and nanoseconds. */
int64_t lease_starts_ahead(const char *procfs)
{
	static const char clock[] = "monotonic";
	char text[OFFSETS_LIMIT + 2];
	long long seconds;
	long ns;
	size_t length;

	/* Kernels without time namespaces do not have it. */
	if (procfs_read_into(procfs, "self/timens_offsets", OFFSETS_LIMIT, text, &length) < 0)
		return 0;

	const char *line = strstr(text, clock);

	if (!line || sscanf(line + strlen(clock), "%lld %ld", &seconds, &ns) != 2)
		return 0;
	return seconds * NS_PER_S + ns;
}

uint64_t lease_starts_now(const struct lease_starts *starts)
{
	const struct timespec now = clock_now();

	return (uint64_t)(now.tv_sec * NS_PER_S + now.tv_nsec - starts->ahead_ns);
}

/* Whether the place has the cookie's start, also if the kernel writes there now. */
static bool read_place(
    const struct leases *beside, unsigned at, uint64_t cookie, uint64_t *ret_start_ns)
{
	if (__atomic_load_n(&beside->cookies[at], __ATOMIC_ACQUIRE) != cookie)
		return false;
	*ret_start_ns = __atomic_load_n(&beside->starts[at], __ATOMIC_ACQUIRE);
	return __atomic_load_n(&beside->cookies[at], __ATOMIC_RELAXED) == cookie;
}

bool lease_starts_find(const struct lease_starts *starts, uint64_t cookie, uint64_t *ret_start_ns)
{
	bool is_known = false;
	uint64_t start;

	if (!starts->table || cookie == 0 || cookie == LEASE_CLAIMED)
		return false;

	const struct leases *beside = &starts->table[leases_place(cookie, starts->order)];

	/* If an end was missed, the socket has an earlier one, too. */
	for (unsigned i = 0; i < LEASES_BESIDE; i++) {
		if (!read_place(beside, i, cookie, &start) || (is_known && start < *ret_start_ns))
			continue;
		*ret_start_ns = start;
		is_known = true;
	}
	return is_known;
}
