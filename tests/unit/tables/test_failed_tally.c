// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/failed_tally.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define ID 70001u
#define OTHER_ID 70002u

static struct failed places[FAILED_DESTINATIONS];
static struct failed_tally *tally;

static int set_up(void **state)
{
	(void)state;
	memset(places, 0, sizeof(places));
	tally = failed_tally_new(ID, 3);
	return tally ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	failed_tally_free(tally);
	return 0;
}

/* As the kernel gives a place to a key. */
static void take(size_t at, uint32_t id, uint64_t key, uint64_t count)
{
	const uint64_t version = places[at].state / FAILED_VERSION + 2;

	places[at].key = (struct failed_key){.words = {key, 5, 6, id}};
	places[at].state = version * FAILED_VERSION + count;
}

/* Reads the places. What is shown of `all` failures, as "11:7 12:5 others:3". */
static void assert_shown(uint64_t all, const char *expected)
{
	const struct tally_shown *shown;
	uint64_t untracked;
	uint64_t others;
	size_t length;
	char text[256] = "";

	failed_tally_read(tally, places, FAILED_DESTINATIONS);
	length = tally_top_look(failed_tally_top(tally, all, &untracked), &shown, &others);
	for (size_t i = 0; i < length; i++) {
		assert_int_equal(shown[i].key.words[1], 5);
		assert_int_equal(shown[i].key.words[2], 6);
		sprintf(text + strlen(text), "%llu:%llu ",
		    (unsigned long long)shown[i].key.words[0], (unsigned long long)shown[i].count);
	}
	sprintf(text + strlen(text), "others:%llu", (unsigned long long)(others + untracked));
	assert_string_equal(text, expected);
}

static void only_those_of_the_namespace_are_counted(void **state)
{
	(void)state;
	assert_shown(0, "others:0");
	take(0, ID, 11, 7);
	take(3, OTHER_ID, 11, 100);
	take(15, ID, 12, 9);
	assert_shown(16, "12:9 11:7 others:0");
	places[0].state += 3;
	assert_shown(19, "11:10 12:9 others:0");
	assert_shown(19, "11:10 12:9 others:0");
}

static void a_key_that_lost_its_place_and_has_a_new_one_goes_on(void **state)
{
	(void)state;
	take(0, ID, 11, 7);
	assert_shown(7, "11:7 others:0");
	/* Two more, which nobody saw before the place was another's. */
	take(0, OTHER_ID, 13, 50);
	assert_shown(9, "11:7 others:2");
	take(4, ID, 11, 1);
	assert_shown(10, "11:8 others:2");
	/* Back where it was, with as many as it had there. */
	take(0, ID, 11, 7);
	assert_shown(17, "11:15 others:2");
}

static void a_place_that_had_another_key_meanwhile_is_counted_from_0(void **state)
{
	(void)state;
	take(2, ID, 11, 7);
	assert_shown(7, "11:7 others:0");
	take(2, ID, 12, 3);
	assert_shown(10, "11:7 12:3 others:0");
	take(2, ID, 13, 1);
	take(2, ID, 12, 20);
	assert_shown(31, "12:23 11:7 others:1");
}

/* Two processors may give a key a place each. */
static void a_key_with_two_places_is_one(void **state)
{
	(void)state;
	take(1, ID, 11, 4);
	take(2, ID, 11, 5);
	assert_shown(9, "11:9 others:0");
}

static void a_place_whose_key_is_being_written_waits(void **state)
{
	(void)state;
	take(1, ID, 11, 4);
	places[1].state += FAILED_VERSION;
	assert_shown(4, "others:4");
	places[1].state += FAILED_VERSION;
	/* They were told to be others' once. */
	assert_shown(8, "11:4 others:4");
}

/* A call may fail after the sum was read and before the places are. */
static void the_others_never_fall(void **state)
{
	(void)state;
	take(1, ID, 11, 4);
	assert_shown(9, "11:4 others:5");
	places[1].state += 3;
	assert_shown(10, "11:7 others:5");
	places[1].state += 5;
	assert_shown(10, "11:12 others:5");
	assert_shown(18, "11:12 others:6");
}

static void more_keys_than_counters_are_others(void **state)
{
	uint64_t all = 0;

	(void)state;
	for (uint64_t key = 1; key <= FAILED_TALLY_KEYS + 9; key++) {
		take(key % FAILED_DESTINATIONS, ID, key, 2);
		all += 2;
		failed_tally_read(tally, places, FAILED_DESTINATIONS);
	}
	assert_shown(all, "1:2 2:2 3:2 others:140");
	/* The first ones go on. */
	take(0, ID, 64, 5);
	assert_shown(all + 5, "64:5 1:2 2:2 others:140");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(only_those_of_the_namespace_are_counted),
	    TEST(a_key_that_lost_its_place_and_has_a_new_one_goes_on),
	    TEST(a_place_that_had_another_key_meanwhile_is_counted_from_0),
	    TEST(a_key_with_two_places_is_one),
	    TEST(a_place_whose_key_is_being_written_waits),
	    TEST(the_others_never_fall),
	    TEST(more_keys_than_counters_are_others),
	};

	return cmocka_run_group_tests_name("failed_tally", tests, NULL, NULL);
}
