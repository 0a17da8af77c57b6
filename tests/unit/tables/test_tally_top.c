// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/tally_top.h"

#include <stdint.h>
#include <string.h>

#include "tests/unit/unit.h"

#define PLACES 8

static struct tally_place places[PLACES];

static void take(size_t at, uint64_t id, uint64_t count)
{
	places[at].key.words[0] = id;
	places[at].count = count;
	places[at].state = TALLY_TAKEN;
}

static int set_up(void **state)
{
	(void)state;
	memset(places, 0, sizeof(places));
	return 0;
}

static void assert_shown(const struct tally_shown *shown, uint64_t id, uint64_t count)
{
	assert_int_equal(shown->key.words[0], id);
	assert_int_equal(shown->count, count);
}

static void test_nothing_is_shown_of_an_empty_tally(void **state)
{
	struct tally_top *top = tally_top_new(places, PLACES, 3);
	const struct tally_shown *shown;
	uint64_t others = 7;

	(void)state;
	assert_int_equal(tally_top_look(top, &shown, &others), 0);
	assert_int_equal(others, 0);
	tally_top_free(top);
}

static void test_a_place_whose_key_is_not_written_yet_is_not_there(void **state)
{
	struct tally_top *top = tally_top_new(places, PLACES, 3);
	const struct tally_shown *shown;
	uint64_t others;

	(void)state;
	take(2, 5, 1);
	places[2].state = TALLY_CLAIMED;
	assert_int_equal(tally_top_look(top, &shown, &others), 0);
	places[2].state = TALLY_TAKEN;
	assert_int_equal(tally_top_look(top, &shown, &others), 1);
	assert_shown(&shown[0], 5, 1);
	tally_top_free(top);
}

static void test_the_highest_come_first_and_equal_ones_keep_their_order(void **state)
{
	struct tally_top *top = tally_top_new(places, PLACES, 3);
	const struct tally_shown *shown;
	uint64_t others;

	(void)state;
	take(0, 10, 4);
	take(3, 13, 9);
	take(5, 15, 4);
	take(7, 17, 1);
	assert_int_equal(tally_top_look(top, &shown, &others), 3);
	assert_shown(&shown[0], 13, 9);
	assert_shown(&shown[1], 10, 4);
	assert_shown(&shown[2], 15, 4);
	assert_int_equal(others, 1);
	tally_top_free(top);
}

static void test_neither_a_shown_one_nor_the_others_ever_fall(void **state)
{
	struct tally_top *top = tally_top_new(places, PLACES, 1);
	const struct tally_shown *shown;
	uint64_t others;

	(void)state;
	take(0, 10, 5);
	take(1, 11, 3);
	assert_int_equal(tally_top_look(top, &shown, &others), 1);
	assert_shown(&shown[0], 10, 5);
	assert_int_equal(others, 3);
	/* 11 comes to the top: the three stay where they were told. */
	places[1].count = 10;
	assert_int_equal(tally_top_look(top, &shown, &others), 1);
	assert_shown(&shown[0], 11, 7);
	assert_int_equal(others, 3);
	/* What 10 had is not told once more, and what it has from now on is. */
	places[0].count = 7;
	(void)tally_top_look(top, &shown, &others);
	assert_shown(&shown[0], 11, 7);
	assert_int_equal(others, 5);
	places[0].count = 20;
	(void)tally_top_look(top, &shown, &others);
	assert_shown(&shown[0], 10, 18);
	assert_int_equal(others, 5);
	tally_top_free(top);
}

static void test_a_limit_of_none_counts_all_as_others(void **state)
{
	struct tally_top *top = tally_top_new(places, PLACES, 0);
	const struct tally_shown *shown;
	uint64_t others;

	(void)state;
	take(1, 11, 3);
	take(2, 12, 4);
	assert_int_equal(tally_top_look(top, &shown, &others), 0);
	assert_int_equal(others, 7);
	tally_top_free(top);
}

static void test_a_limit_above_the_places_shows_all(void **state)
{
	struct tally_top *top = tally_top_new(places, PLACES, 1000);
	const struct tally_shown *shown;
	uint64_t others;

	(void)state;
	for (size_t i = 0; i < PLACES; i++)
		take(i, i + 1, i + 1);
	assert_int_equal(tally_top_look(top, &shown, &others), PLACES);
	assert_shown(&shown[0], PLACES, PLACES);
	assert_int_equal(others, 0);
	tally_top_free(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_nothing_is_shown_of_an_empty_tally, set_up),
	    cmocka_unit_test_setup(test_a_place_whose_key_is_not_written_yet_is_not_there, set_up),
	    cmocka_unit_test_setup(
		test_the_highest_come_first_and_equal_ones_keep_their_order, set_up),
	    cmocka_unit_test_setup(test_neither_a_shown_one_nor_the_others_ever_fall, set_up),
	    cmocka_unit_test_setup(test_a_limit_of_none_counts_all_as_others, set_up),
	    cmocka_unit_test_setup(test_a_limit_above_the_places_shows_all, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
