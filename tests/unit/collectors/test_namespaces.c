// SPDX-License-Identifier: Apache-2.0
#include "collectors/namespaces.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "netns_host.h"
#include "unit.h"

#define USABLE "range_usable_ports"

static bool is_shown(uint32_t inode)
{
	char netns[16];

	snprintf(netns, sizeof(netns), "%u", inode);
	return samples(netns) > 0;
}

static void test_each_has_its_own_ports(void **state)
{
	struct fake_netns *fake = put(7, 70, 0);

	(void)state;
	fake->ports = 30;
	fake->held = 3;
	put(8, 80, WALK_HAS_RESERVED)->ports = 5;
	put(9, 90, WALK_OWN_TCP_TABLE)->ports = 11;
	gather_all();
	assert_number(sample(USABLE, "70"), 97);
	assert_number(sample(USABLE, "80"), 99);
	assert_number(sample(USABLE, "90"), 100);
	assert_number(sample("worst_destination_ports", "70"), 30);
	assert_number(sample("worst_destination_ports", "90"), 11);
	assert_number(sample("worst_destination_usage_ratio", "70"), 30 / 97.0);
	assert_number(sample("worst_namespace_usage_ratio", NULL), 30 / 97.0);
	assert_number(sample("unshown_namespaces", NULL), 0);
	assert_number(sample("untracked_namespace_ports", NULL), 0);
}

/* IPv6 has no connections, and nothing is in TIME_WAIT. */
static void test_zeros_are_left_out_but_for_usable_ports(void **state)
{
	(void)state;
	put(7, 70, 0)->held = RANGE_SIZE;
	put(8, 80, 0);
	gather_all();
	assert_number(sample(USABLE, "70"), 0);
	assert_number(sample(USABLE, "80"), 100);
	assert_int_equal(samples("80"), 1);
}

static void test_the_readers_own_has_no_labels(void **state)
{
	(void)state;
	put(7, 70, 0);
	own->held = 4;
	gather_all();
	assert_int_equal(samples("1"), 0);
	assert_number(sample(USABLE, NULL), 96);
}

static void test_series_have_a_limit(void **state)
{
	(void)state;
	options.series = 2;
	put(7, 70, 0)->ports = 90;
	put(8, 80, 0)->ports = 90;
	gather_all();
	assert_int_equal(samples("70"), 2);
	assert_number(sample(USABLE, "70"), 100);
	assert_true(sample("worst_destination_usage_ratio", "80") > 0);
}

static void test_a_family_that_does_not_fit(void **state)
{
	struct fake_netns *fake = put(7, 70, 0);

	(void)state;
	options.series = 4;
	fake->ports = 90;
	fake->others = 40;
	gather_all();
	assert_int_equal(samples("70"), 4);
	assert_number(sample("worst_destination_ports", "70"), 50);
	/* The fuller one of two. */
	assert_number(sample("destination_ports", "70"), 50);
}

static void test_the_fullest_are_shown_from_the_first_time_on(void **state)
{
	(void)state;
	options.limit = 3;
	for (uint32_t i = 0; i < 20; i++)
		put(10 + i, 100 + i, 0)->ports = (uint16_t)(i * 7 % 20);
	gather_all();
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(is_shown(100 + i), i * 7 % 20 >= 17);
	assert_number(sample("unshown_namespaces", NULL), 17);
	gather_all();
	assert_number(sample("unshown_namespaces", NULL), 17);
}

static void test_nobody_is_shown_at_no_limit(void **state)
{
	(void)state;
	options.limit = 0;
	put(7, 70, 0)->ports = 50;
	gather_all();
	assert_false(is_shown(70));
	assert_number(sample("worst_namespace_usage_ratio", NULL), 0.5);
	assert_number(sample("unshown_namespaces", NULL), 1);
}

static void test_two_that_are_alike_do_not_take_turns(void **state)
{
	struct fake_netns *first;
	struct fake_netns *second;

	(void)state;
	options.limit = 1;
	first = put(7, 70, 0);
	second = put(8, 80, 0);
	first->ports = 50;
	second->ports = 49;
	gather_all();
	assert_true(is_shown(70));
	for (int i = 0; i < 6; i++) {
		first->ports = i % 2 ? 50 : 52;
		second->ports = i % 2 ? 60 : 50;
		gather_all();
		gather_all();
		assert_true(is_shown(70) && !is_shown(80));
	}
	/* Known from this one, and shown from the next. */
	second->ports = 70;
	gather_all();
	gather_all();
	assert_true(is_shown(80) && !is_shown(70));
}

static void test_one_that_is_gone_makes_place(void **state)
{
	(void)state;
	options.limit = 1;
	put(7, 70, 0)->ports = 50;
	put(8, 80, 0)->ports = 20;
	gather_all();
	drop(7);
	gather_all();
	assert_true(!is_shown(70) && is_shown(80));
	assert_number(sample("worst_namespace_usage_ratio", NULL), 0.2);
	assert_number(sample("unshown_namespaces", NULL), 0);
}

static void test_an_id_that_is_found_again_begins_anew(void **state)
{
	(void)state;
	put(7, 70, 0)->ports = 50;
	gather_all();
	drop(7);
	gather_all();
	put(7, 71, 0)->ports = 20;
	gather_all();
	assert_false(is_shown(70));
	assert_number(sample("worst_destination_ports", "71"), 20);
}

static void test_ids_that_share_a_place_in_the_table(void **state)
{
	(void)state;
	options.limit = 50;
	for (uint32_t i = 0; i < 40; i++)
		put(3 + i * 4096, 100 + i, 0)->ports = (uint16_t)i;
	for (int round = 0; round < 2; round++) {
		gather_all();
		for (uint32_t i = 1; i < 40; i++) {
			char netns[16];

			snprintf(netns, sizeof(netns), "%u", 100 + i);
			assert_number(sample("worst_destination_ports", netns), i);
		}
	}
}

static void end_seven(void)
{
	if (listings == 1)
		drop(7);
}

static void test_one_that_goes_after_the_list_was_made(void **state)
{
	(void)state;
	put(7, 70, WALK_HAS_RESERVED)->ports = 50;
	put(8, 80, WALK_OWN_TCP_TABLE)->is_gone = true;
	put(9, 90, 0)->ports = 9;
	at_names = end_seven;
	gather_all();
	assert_false(is_shown(70));
	assert_number(sample(USABLE, "80"), 100);
	assert_number(sample("worst_destination_ports", "90"), 9);
	reserved_error = -ESRCH;
	put(6, 60, WALK_HAS_RESERVED);
	gather_all();
	assert_number(sample(USABLE, "60"), 100);
}

/* Its inode, and with that its name, goes to the next one at once. */
static void replace_seven(void)
{
	if (listings != 1)
		return;
	drop(7);
	put(8, 70, 0)->name = "blue";
}

static void test_a_name_is_given_to_no_other(void **state)
{
	(void)state;
	put(7, 70, 0)->ports = 50;
	at_names = replace_seven;
	gather_all();
	assert_int_equal(samples("blue"), 0);
	assert_false(is_shown(70));
	gather_all();
	assert_int_equal(samples("blue"), 1);
	/* Those that are known are listed once. */
	assert_int_equal(listings, 4);
	gather_all();
	assert_int_equal(listings, 5);
}

static void test_a_new_name_is_taken(void **state)
{
	struct fake_netns *fake = put(7, 70, 0);

	(void)state;
	gather_all();
	assert_number(sample(USABLE, "70"), 100);
	fake->name = "red";
	gather_all();
	assert_number(sample(USABLE, "red"), 100);
	fake->name = NULL;
	gather_all();
	assert_number(sample(USABLE, "70"), 100);
}

/* What was gathered before is not used, and not freed twice. */
static void test_a_gathering_that_fails_between(void **state)
{
	const int errors[][2] = {{-ENOMEM, 0}, {0, -ENOMEM}, {0, -EIO}};

	(void)state;
	for (size_t i = 0; i < LENGTH(errors); i++) {
		put(7, 70, WALK_HAS_RESERVED)->ports = 50;
		gather_all();
		assert_int_equal(gathering.outcomes[0].error, 0);
		drop(7);
		put(8, 80, WALK_HAS_RESERVED)->ports = 40;
		listing_error = errors[i][0];
		reserved_error = errors[i][1];
		gather_all();
		assert_int_equal(samples("70") + samples("80"), 0);
		listing_error = reserved_error = 0;
		gather_all();
		assert_number(sample("worst_destination_ports", "80"), 40);
		drop(8);
	}
}

static void test_an_empty_list(void **state)
{
	(void)state;
	drop(1);
	gather_all();
	assert_number(sample("unshown_namespaces", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_each_has_its_own_ports),
	    TEST(test_zeros_are_left_out_but_for_usable_ports),
	    TEST(test_the_readers_own_has_no_labels),
	    TEST(test_series_have_a_limit),
	    TEST(test_a_family_that_does_not_fit),
	    TEST(test_the_fullest_are_shown_from_the_first_time_on),
	    TEST(test_nobody_is_shown_at_no_limit),
	    TEST(test_two_that_are_alike_do_not_take_turns),
	    TEST(test_one_that_is_gone_makes_place),
	    TEST(test_an_id_that_is_found_again_begins_anew),
	    TEST(test_ids_that_share_a_place_in_the_table),
	    TEST(test_one_that_goes_after_the_list_was_made),
	    TEST(test_a_name_is_given_to_no_other),
	    TEST(test_a_new_name_is_taken),
	    TEST(test_a_gathering_that_fails_between),
	    TEST(test_an_empty_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
