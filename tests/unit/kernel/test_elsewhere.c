// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/exhaustion_probe.h"

#include <string.h>

#include "unit.h"

#define ID 70001u

static struct elsewhere_bucket buckets[ELSEWHERE_BUCKETS];
static const struct exhaustion_probe probe = {.elsewhere = buckets};

static struct elsewhere *place(unsigned i)
{
	return &buckets[elsewhere_bucket(ID)].list[i];
}

/* All have the same bucket. */
static unsigned ids[ELSEWHERE_BESIDE];

static int set_up(void **state)
{
	unsigned found = 0;

	(void)state;
	memset(buckets, 0, sizeof(buckets));
	for (unsigned id = ID; found < ELSEWHERE_BESIDE; id++)
		if (elsewhere_bucket(id) == elsewhere_bucket(ID))
			ids[found++] = id;
	return 0;
}

/* Each processor gives ids of its own: COOKIE_LOCAL_BATCH in include/linux/cookie.h. */
static void namespaces_of_many_processors_have_room(void **state)
{
	static unsigned used[ELSEWHERE_BUCKETS];
	const unsigned processors = 64;
	const unsigned each = 20;

	(void)state;
	for (unsigned id = 0; id < processors * each; id++) {
		const unsigned at = elsewhere_bucket(id / each * 4096 + id % each + 1);

		assert_in_range(at, 0, ELSEWHERE_BUCKETS - 1);
		assert_in_range(++used[at], 1, ELSEWHERE_BESIDE);
	}
}

static void nothing_is_known_of_a_namespace_without_a_place(void **state)
{
	const struct exhaustion_probe off = {.elsewhere = NULL};
	struct elsewhere found;

	(void)state;
	assert_false(exhaustion_probe_elsewhere(&off, ID, &found));
	assert_false(exhaustion_probe_elsewhere(&probe, ID, &found));
	/* A free place has the id 0. */
	assert_false(exhaustion_probe_elsewhere(&probe, 0, &found));
}

static void each_namespace_of_a_bucket_has_its_own_counts(void **state)
{
	struct elsewhere found;

	(void)state;
	for (unsigned i = 0; i < ELSEWHERE_BESIDE; i++) {
		place(i)->version = 2;
		place(i)->id = ids[i];
		place(i)->counts.opens = 100 + i;
		place(i)->counts.leases = 200 + i;
		place(i)->counts.held_ns = 300 + i;
		for (int call = 0; call < EXHAUSTED_CALLS; call++)
			for (int family = 0; family < EXHAUSTED_FAMILIES; family++)
				place(i)->failures[call][family] =
				    i * 10 + (unsigned)(call * 2 + family);
	}
	for (unsigned i = 0; i < ELSEWHERE_BESIDE; i++) {
		assert_true(exhaustion_probe_elsewhere(&probe, ids[i], &found));
		assert_memory_equal(&found.failures, &place(i)->failures, sizeof(found.failures));
		assert_int_equal(found.counts.opens, 100 + i);
		assert_int_equal(found.counts.leases, 200 + i);
		assert_int_equal(found.counts.held_ns, 300 + i);
	}
	assert_false(exhaustion_probe_elsewhere(&probe, ID + 1, &found));
}

static void a_place_whose_id_is_being_written_is_nobodys(void **state)
{
	struct elsewhere found;

	(void)state;
	place(3)->id = ID;
	place(3)->version = 5;
	assert_false(exhaustion_probe_elsewhere(&probe, ID, &found));
	place(3)->version = 6;
	assert_true(exhaustion_probe_elsewhere(&probe, ID, &found));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, set_up)
	const struct CMUnitTest tests[] = {
	    TEST(namespaces_of_many_processors_have_room),
	    TEST(nothing_is_known_of_a_namespace_without_a_place),
	    TEST(each_namespace_of_a_bucket_has_its_own_counts),
	    TEST(a_place_whose_id_is_being_written_is_nobodys),
	};

	return cmocka_run_group_tests_name("elsewhere", tests, NULL, NULL);
}
