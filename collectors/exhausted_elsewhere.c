// SPDX-License-Identifier: Apache-2.0
#include "collectors/exhausted_elsewhere.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "collectors/exhausted_destinations.h"
#include "collectors/exhausted_owners.h"
#include "collectors/tables/failed_tally.h"

/* More would push out of the namespace's series what else is shown of it. */
#define DESTINATIONS_MOST 3
#define OWNERS_MOST 2

struct exhausted_elsewhere {
	uint32_t id;
	struct elsewhere seen; /* at the look before */
	struct elsewhere totals;
	bool is_known; /* anything was ever counted */
	unsigned long destinations_limit;
	unsigned long owners_limit;
	struct failed_tally *destinations; /* this and the next are NULL until a call fails */
	struct failed_tally *owners;
};

static unsigned long at_most(unsigned long limit, unsigned long most)
{
	return limit < most ? limit : most;
}

struct exhausted_elsewhere *exhausted_elsewhere_new(
    uint32_t id, unsigned long destinations, unsigned long owners)
{
	struct exhausted_elsewhere *one = calloc(1, sizeof(*one));

	if (!one)
		return NULL;
	one->id = id;
	one->destinations_limit = at_most(destinations, DESTINATIONS_MOST);
	one->owners_limit = at_most(owners, OWNERS_MOST);
	return one;
}

void exhausted_elsewhere_free(struct exhausted_elsewhere *one)
{
	if (!one)
		return;
	failed_tally_free(one->destinations);
	failed_tally_free(one->owners);
	free(one);
}

static void add_grown(__u64 *total, uint64_t now, uint64_t before)
{
	*total += now - before;
}

/* What has grown since `seen`, which is of the same place. */
static void add_all_grown(
    struct elsewhere *totals, const struct elsewhere *now, const struct elsewhere *seen)
{
	for (int call = 0; call < EXHAUSTED_CALLS; call++)
		for (int family = 0; family < EXHAUSTED_FAMILIES; family++)
			add_grown(&totals->failures[call][family], now->failures[call][family],
			    seen->failures[call][family]);
	add_grown(&totals->counts.opens, now->counts.opens, seen->counts.opens);
	add_grown(&totals->counts.leases, now->counts.leases, seen->counts.leases);
	add_grown(&totals->counts.held_ns, now->counts.held_ns, seen->counts.held_ns);
}

static void add_totals(struct exhausted_elsewhere *one, const struct exhaustion_probe *probe)
{
	struct elsewhere now;

	/* Its place is another's now: what was counted stays. */
	if (!exhaustion_probe_elsewhere(probe, one->id, &now))
		return;
	if (now.version != one->seen.version)
		one->seen = (struct elsewhere){.version = now.version};
	one->is_known = true;
	add_all_grown(&one->totals, &now, &one->seen);
	one->seen = now;
}

static uint64_t count_failures(
    const struct elsewhere *totals, enum exhausted_call first, enum exhausted_call last)
{
	uint64_t sum = 0;

	for (enum exhausted_call call = first; call <= last; call++)
		for (int family = 0; family < EXHAUSTED_FAMILIES; family++)
			sum += totals->failures[call][family];
	return sum;
}

static uint64_t count_connects(const struct exhausted_elsewhere *one)
{
	return count_failures(&one->totals, EXHAUSTED_CONNECT, EXHAUSTED_CONNECT);
}

static uint64_t count_all(const struct exhausted_elsewhere *one)
{
	return count_failures(&one->totals, EXHAUSTED_CONNECT, EXHAUSTED_CALLS - 1);
}

/* Most namespaces have none. Returns 0 or -ENOMEM. */
static int make_tallies(struct exhausted_elsewhere *one)
{
	if (!one->destinations)
		one->destinations = failed_tally_new(one->id, one->destinations_limit);
	if (!one->owners)
		one->owners = failed_tally_new(one->id, one->owners_limit);
	return one->destinations && one->owners ? 0 : -ENOMEM;
}

/*
 * The totals first: a call that fails meanwhile would otherwise be among the others', and later a
 * destination's, too.
 */
int exhausted_elsewhere_look(struct exhausted_elsewhere *one, const struct exhaustion_probe *probe,
    struct elsewhere *ret_totals)
{
	const struct failed_bucket *bucket;
	int result;

	add_totals(one, probe);
	if (!one->is_known)
		return 0;
	*ret_totals = one->totals;
	if (!probe->failed || count_all(one) == 0)
		return 1;
	result = make_tallies(one);
	if (result < 0)
		return result;
	bucket = &probe->failed[failed_bucket(one->id)];
	failed_tally_read(one->destinations, bucket->destinations, FAILED_DESTINATIONS);
	failed_tally_read(one->owners, bucket->owners, FAILED_OWNERS);
	return 1;
}

int exhausted_elsewhere_emit(struct exhausted_elsewhere *one, struct cgroups *cgroups,
    struct pods *pods, struct metric_set *set)
{
	struct tally_top *top;
	uint64_t untracked;

	if (!one->destinations || !one->owners)
		return 0;
	top = failed_tally_top(one->destinations, count_connects(one), &untracked);
	exhausted_destinations_emit(top, untracked, set);
	top = failed_tally_top(one->owners, count_all(one), &untracked);
	return exhausted_owners_emit(top, cgroups, pods, untracked, set);
}
