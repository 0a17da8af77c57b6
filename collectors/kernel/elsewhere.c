// SPDX-License-Identifier: Apache-2.0
/* Reads what the exhaustion programs count of other network namespaces. */
#include "collectors/kernel/exhaustion_probe.h"

/* The kernel writes an id in nanoseconds. */
#define TRIES 8

static uint64_t read_next(const __u64 *counter)
{
	/* Each comes before the version is read again. */
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

/* Returns whether the place is the namespace's, and was so all the time. */
static bool read_place(const struct elsewhere *place, uint32_t id, struct elsewhere *ret_read)
{
	for (int i = 0; i < TRIES; i++) {
		const uint64_t version = __atomic_load_n(&place->version, __ATOMIC_ACQUIRE);

		if (version & 1)
			continue;
		if (version == 0 || read_next(&place->id) != id)
			return false;
		ret_read->id = id;
		for (int call = 0; call < EXHAUSTED_CALLS; call++)
			for (int family = 0; family < EXHAUSTED_FAMILIES; family++)
				ret_read->failures[call][family] =
				    read_next(&place->failures[call][family]);
		lease_counts_read(&place->counts, &ret_read->counts);
		ret_read->version = __atomic_load_n(&place->version, __ATOMIC_RELAXED);
		if (ret_read->version == version)
			return true;
	}
	return false;
}

bool exhaustion_probe_elsewhere(
    const struct exhaustion_probe *probe, uint32_t id, struct elsewhere *ret_counts)
{
	const struct elsewhere_bucket *bucket;

	if (!probe->elsewhere)
		return false;
	bucket = &probe->elsewhere[elsewhere_bucket(id)];
	for (unsigned i = 0; i < ELSEWHERE_BESIDE; i++) {
		if (!read_place(&bucket->list[i], id, ret_counts))
			continue;
		/* Another place may have the same version. */
		ret_counts->version = ret_counts->version * ELSEWHERE_BESIDE + i;
		return true;
	}
	return false;
}
