// SPDX-License-Identifier: Apache-2.0
#include "collectors/exhausted_elsewhere.h"

#include <stdio.h>
#include <string.h>

#include "collectors/exhausted_destinations.h"
#include "collectors/exhausted_owners.h"
#include "unit.h"

#define ID 70001u

static struct elsewhere_bucket buckets[ELSEWHERE_BUCKETS];
static struct failed_bucket failed[FAILED_BUCKETS];
static const struct exhaustion_probe probe = {.elsewhere = buckets, .failed = failed};
static struct cgroups *cgroups;
static struct pods *pods;
static struct exhausted_elsewhere *one;

static int set_up(void **state)
{
	(void)state;
	memset(buckets, 0, sizeof(buckets));
	memset(failed, 0, sizeof(failed));
	cgroups = cgroups_new("/nowhere");
	pods = pods_new(NULL);
	one = exhausted_elsewhere_new(ID, 20, 20);
	return cgroups && pods && one ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	exhausted_elsewhere_free(one);
	cgroups_free(cgroups);
	pods_free(pods);
	return 0;
}

static struct elsewhere *place(unsigned i)
{
	return &buckets[elsewhere_bucket(ID)].list[i];
}

/* As the kernel gives it to a namespace. */
static void take(unsigned i, uint32_t id)
{
	*place(i) = (struct elsewhere){.version = place(i)->version + 2, .id = id};
}

static void put_failed(struct failed *at, uint64_t first, uint64_t count)
{
	*at = (struct failed){
	    .state = (at->state / FAILED_VERSION + 2) * FAILED_VERSION + count,
	    .key.words = {first, 0, tally_word(0, 443, 0), ID},
	};
}

/* Calls to 192.0.2.N, of the cgroup with that id. */
static void connects_fail(unsigned n, uint64_t cgroup, uint64_t count)
{
	struct failed_bucket *bucket = &failed[failed_bucket(ID)];

	place(0)->failures[EXHAUSTED_CONNECT][0] += count;
	put_failed(&bucket->destinations[n], 0x000200c0 | (uint64_t)n << 24, count);
	put_failed(&bucket->owners[n % FAILED_OWNERS], cgroup, count);
	bucket->owners[n % FAILED_OWNERS].key.words[2] = 0;
}

static void append(char *text, const struct metric_set *set, const struct metric_family *family)
{
	for (size_t at = metric_set_next(set, family, METRIC_FIRST); at != METRIC_END;
	     at = metric_set_next(set, family, at))
		sprintf(text + strlen(text), "%s%s=%.0f", text[0] ? " " : "",
		    family->labels[0] ? metric_set_labels(set, at) : "others",
		    metric_set_value(set, at));
}

/* What is told by destination and by owner. */
static void assert_told(const char *destinations, const char *owners)
{
	struct metric_set *set = metric_set_new();
	char text[512] = "";
	struct elsewhere totals;

	assert_non_null(set);
	assert_int_equal(exhausted_elsewhere_look(one, &probe, &totals), 1);
	assert_int_equal(exhausted_elsewhere_emit(one, cgroups, pods, set), 0);
	append(text, set, &exhausted_destinations);
	append(text, set, &other_exhausted_destinations);
	assert_string_equal(text, destinations);
	text[0] = '\0';
	append(text, set, &exhausted_owners);
	append(text, set, &other_exhausted_owners);
	assert_string_equal(text, owners);
	metric_set_free(set);
}

static void nothing_is_told_of_one_without_anything(void **state)
{
	struct elsewhere totals;

	(void)state;
	assert_int_equal(exhausted_elsewhere_look(one, &probe, &totals), 0);
	take(0, ID);
	place(0)->counts.opens = 7;
	assert_int_equal(exhausted_elsewhere_look(one, &probe, &totals), 1);
	assert_int_equal(totals.counts.opens, 7);
	assert_told("", "");
}

static void failures_are_told_by_destination_and_owner(void **state)
{
	(void)state;
	take(0, ID);
	connects_fail(1, 50, 4);
	connects_fail(2, 60, 9);
	/* bind() has an owner and no destination. */
	place(0)->failures[EXHAUSTED_BIND_UDP][1] += 2;
	put_failed(&failed[failed_bucket(ID)].owners[3], 70, 2);
	assert_told("192.0.2.2=9 192.0.2.1=4 others=0", "id:60=9 id:50=4 others=2");
}

static void as_many_are_told_as_are_shown_of_another_namespace(void **state)
{
	(void)state;
	take(0, ID);
	for (unsigned n = 1; n < 6; n++)
		connects_fail(n, 50 + n, n);
	assert_told("192.0.2.5=5 192.0.2.4=4 192.0.2.3=3 others=3", "id:55=5 id:54=4 others=6");
}

static void the_totals_go_on_where_the_place_was_anothers(void **state)
{
	struct elsewhere totals;

	(void)state;
	take(0, ID);
	place(0)->failures[EXHAUSTED_CONNECT][1] = 5;
	place(0)->counts = (struct lease_counts){10, 20, 30};
	assert_int_equal(exhausted_elsewhere_look(one, &probe, &totals), 1);
	take(0, 1);
	place(0)->counts.opens = 1000;
	/* Its place is another's: nothing is lost, and nothing of that is its own. */
	assert_int_equal(exhausted_elsewhere_look(one, &probe, &totals), 1);
	assert_int_equal(totals.counts.opens, 10);
	/* Another place may have the version that the first one had. */
	take(3, ID);
	place(3)->failures[EXHAUSTED_CONNECT][1] = 6;
	place(3)->counts = (struct lease_counts){11, 21, 31};
	for (int i = 0; i < 2; i++) {
		assert_int_equal(exhausted_elsewhere_look(one, &probe, &totals), 1);
		assert_int_equal(totals.failures[EXHAUSTED_CONNECT][1], 11);
		assert_int_equal(totals.counts.opens, 21);
		assert_int_equal(totals.counts.leases, 41);
		assert_int_equal(totals.counts.held_ns, 61);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(nothing_is_told_of_one_without_anything),
	    TEST(failures_are_told_by_destination_and_owner),
	    TEST(as_many_are_told_as_are_shown_of_another_namespace),
	    TEST(the_totals_go_on_where_the_place_was_anothers),
	};

	return cmocka_run_group_tests_name("exhausted_elsewhere", tests, NULL, NULL);
}
