// SPDX-License-Identifier: Apache-2.0
#include "collectors/openers.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

#define PROCESSORS 2

static struct openers openers[OPENERS_BUCKETS];
static struct lease_histograms histograms[PROCESSORS];
static const struct exhaustion_probe probe = {
    .openers = openers,
    .histograms = histograms,
    .histograms_length = PROCESSORS,
    .processors = PROCESSORS,
};
static struct cgroups *cgroups;
static struct pods *pods;
static struct opener_series *series;

static int set_up(void **state)
{
	(void)state;
	memset(openers, 0, sizeof(openers));
	memset(histograms, 0, sizeof(histograms));
	cgroups = cgroups_new("/nowhere");
	pods = pods_new(NULL);
	series = opener_series_new(&probe, cgroups, pods, 2);
	return cgroups && pods && series ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	opener_series_free(series);
	cgroups_free(cgroups);
	pods_free(pods);
	return 0;
}

/* What a cgroup opens towards 192.0.2.1:443, where it has its place; each was held for a second. */
static void opens(size_t at, uint64_t cgroup, uint64_t count)
{
	struct opener *one = &openers[at].list[0];

	if (one->key.words[3] != cgroup)
		*one = (struct opener){.version = one->version + 2,
		    .key.words = {0x010200c0, 0, tally_word(0, 443, 0), cgroup}};
	one->counts.opens += count;
	one->counts.leases += count;
	one->counts.held_ns += count * 1000000000;
	histograms[at % PROCESSORS].opens += count;
	histograms[at % PROCESSORS].held.counts[at % LEASE_BUCKETS] += count;
	histograms[at % PROCESSORS].held.sum_ns += count * 1000000000;
}

static void append(
    char *text, const struct metric_set *set, const struct metric_family *family, int label)
{
	for (size_t at = metric_set_next(set, family, METRIC_FIRST); at != METRIC_END;
	     at = metric_set_next(set, family, at)) {
		const char *value = metric_set_labels(set, at);

		for (int i = 0; i < label; i++)
			value += strlen(value) + 1;
		sprintf(text + strlen(text), "%s%s%s%.0f", text[0] ? " " : "",
		    label < 0 ? "others" : value, "=", metric_set_value(set, at));
	}
}

/* A look has these samples: opens by cgroup, and those of the others. */
static void assert_opens(const char *expected)
{
	struct metric_set *set = metric_set_new();
	char text[512] = "";
	char leases[512] = "";
	char seconds[512] = "";

	assert_non_null(set);
	assert_result(opener_series_emit(series, set), 0);
	assert_result(metric_set_error(set), 0);
	append(text, set, &opener_opens, 2);
	append(text, set, &other_opener_opens, -1);
	assert_string_equal(text, expected);
	/* All three count the same things here. */
	append(leases, set, &opener_leases, 2);
	append(leases, set, &other_opener_leases, -1);
	assert_string_equal(leases, expected);
	append(seconds, set, &opener_lease_seconds, 2);
	append(seconds, set, &other_opener_lease_seconds, -1);
	assert_string_equal(seconds, expected);
	metric_set_free(set);
}

static void nothing_that_is_counted_is_lost_or_falls(void **state)
{
	(void)state;
	assert_opens("others=0");
	opens(0, 11, 100);
	opens(1, 12, 50);
	opens(2, 13, 20);
	assert_opens("id:11=100 id:12=50 others=20");
	opens(0, 11, 3);
	opens(2, 13, 500);
	/* What 13 had before it was shown stays with the others. */
	assert_opens("id:13=500 id:11=103 others=20");
	opens(1, 12, 7);
	assert_opens("id:13=500 id:11=103 others=27");
}

static void a_place_that_changes_hands_takes_nothing_along(void **state)
{
	(void)state;
	opens(0, 11, 100);
	opens(1, 12, 50);
	assert_opens("id:11=100 id:12=50 others=0");
	opens(0, 21, 60);
	assert_opens("id:21=60 id:12=50 others=0");
	/* It comes back: a counter that begins again. */
	opens(3, 11, 70);
	assert_opens("id:11=70 id:21=60 others=0");
	opens(3, 11, 1);
	assert_opens("id:11=71 id:21=60 others=0");
}

static void an_open_that_is_counted_late_does_not_take_from_the_others(void **state)
{
	(void)state;
	opens(0, 11, 100);
	opens(1, 12, 50);
	opens(2, 13, 5);
	/* The kernel counts the sum first. */
	histograms[0].opens++;
	histograms[0].held.counts[3]++;
	histograms[0].held.sum_ns += 1000000000;
	assert_opens("id:11=100 id:12=50 others=6");
	openers[0].list[0].counts.opens++;
	openers[0].list[0].counts.leases++;
	openers[0].list[0].counts.held_ns += 1000000000;
	assert_opens("id:11=101 id:12=50 others=6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		nothing_that_is_counted_is_lost_or_falls, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_place_that_changes_hands_takes_nothing_along, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		an_open_that_is_counted_late_does_not_take_from_the_others, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
