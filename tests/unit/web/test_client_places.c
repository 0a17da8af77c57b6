// SPDX-License-Identifier: Apache-2.0
/* Who is let in, and who makes room for whom. */
#include "exporter/web/clients.h"

#include "client_pairs.h"

static void the_longest_silent_one_makes_room(void **state)
{
	static const struct clients_limits limits = {3, 100, 10, 10, MANY, MANY, MANY};
	struct pair pairs[6];

	(void)state;
	start_clients(&limits);
	for (size_t i = 0; i < 3; i++)
		pairs[i] = add();
	for (size_t i = 0; i < 3; i++)
		assert_false(is_shut_down(&pairs[i], 0));
	/* The oldest spoke last. */
	clients_set_phase(clients, pairs[0].client, CLIENT_IDLE);
	pairs[3] = add();
	assert_true(is_shut_down(&pairs[1], GRACE_MS));
	assert_false(is_shut_down(&pairs[0], 0));
	assert_false(is_shut_down(&pairs[2], 0));
	assert_false(is_shut_down(&pairs[3], 0));
	/* It is not gone yet, and does not make room twice. */
	pairs[4] = add();
	assert_true(is_shut_down(&pairs[2], GRACE_MS));
	take_away(&pairs[1]);
	take_away(&pairs[2]);
	/* Now three are left: the next one needs room again. */
	pairs[5] = add();
	assert_true(is_shut_down(&pairs[0], GRACE_MS));
	assert_false(is_shut_down(&pairs[3], 0));
	assert_false(is_shut_down(&pairs[4], 0));
	assert_false(is_shut_down(&pairs[5], 0));
	take_away(&pairs[0]);
	take_away(&pairs[3]);
	take_away(&pairs[4]);
	take_away(&pairs[5]);
}

static void who_is_silent_goes_before_who_is_owed_something(void **state)
{
	static const struct clients_limits limits = {3, 100, 10, 10, MANY, MANY, MANY};
	struct pair work;
	struct pair response;
	struct pair silent;
	struct pair fourth;
	struct pair fifth;

	(void)state;
	start_clients(&limits);
	work = add();
	clients_set_phase(clients, work.client, CLIENT_WORK);
	response = add();
	clients_set_phase(clients, response.client, CLIENT_RESPONSE);
	silent = add();
	fourth = add();
	assert_true(is_shut_down(&silent, GRACE_MS));
	assert_false(is_shut_down(&response, 0));
	/* Where nobody is silent, who does not take his response. */
	clients_set_phase(clients, fourth.client, CLIENT_WORK);
	fifth = add();
	assert_true(is_shut_down(&response, GRACE_MS));
	assert_false(is_shut_down(&work, 0));
	assert_false(is_shut_down(&fourth, 0));
	assert_false(is_shut_down(&fifth, 0));
	assert_refused(REFUSAL_CONNECTIONS, 2);
	take_away(&work);
	take_away(&response);
	take_away(&silent);
	take_away(&fourth);
	take_away(&fifth);
}

/* Whichever of them came first. */
static void who_is_silent_goes_first_though_he_came_first(void **state)
{
	static const struct clients_limits limits = {2, 100, 10, 10, MANY, MANY, MANY};
	struct pair silent;
	struct pair response;
	struct pair third;

	(void)state;
	start_clients(&limits);
	silent = add();
	response = add();
	clients_set_phase(clients, response.client, CLIENT_RESPONSE);
	/* The silent one spoke last. */
	clients_set_phase(clients, silent.client, CLIENT_IDLE);
	third = add();
	assert_true(is_shut_down(&silent, GRACE_MS));
	assert_false(is_shut_down(&response, 0));
	take_away(&silent);
	take_away(&response);
	take_away(&third);
}

/* By one that has as many itself. What would be beyond the limit goes. */
static void who_waits_for_us_is_not_driven_out(void **state)
{
	static const struct clients_limits limits = {2, 100, 10, 10, MANY, MANY, MANY};
	struct pair pairs[3];

	(void)state;
	start_clients(&limits);
	for (size_t i = 0; i < 2; i++) {
		pairs[i] = add();
		clients_set_phase(clients, pairs[i].client, CLIENT_WORK);
	}
	pairs[2] = add();
	assert_true(is_shut_down(&pairs[2], GRACE_MS));
	for (size_t i = 0; i < 2; i++)
		assert_false(is_shut_down(&pairs[i], 100));
	assert_refused(REFUSAL_CONNECTIONS, 1);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

static void the_address_that_has_most_makes_room(void **state)
{
	static const struct clients_limits limits = {5, 100, 10, 10, MANY, MANY, MANY};
	struct pair good;
	struct pair few[2];
	struct pair most[2];
	struct pair newcomer;

	(void)state;
	start_clients(&limits);
	/* Silent for longest, and kept for its next request. */
	good = add_from(1);
	clients_set_phase(clients, good.client, CLIENT_IDLE);
	for (size_t i = 0; i < 2; i++) {
		few[i] = add_from(2);
		most[i] = add_from(3);
		clients_set_phase(clients, few[i].client, CLIENT_WORK);
		clients_set_phase(clients, most[i].client, CLIENT_RESPONSE);
	}
	/* As many as any other, of which this one loses less. */
	newcomer = add_from(1);
	assert_true(is_shut_down(&good, GRACE_MS));
	take_away(&good);
	good = add_from(4);
	assert_true(is_shut_down(&most[0], GRACE_MS));
	assert_false(is_shut_down(&most[1], 0));
	assert_false(is_shut_down(&newcomer, 0));
	assert_false(is_shut_down(&few[0], 0));
	take_away(&good);
	take_away(&newcomer);
	for (size_t i = 0; i < 2; i++) {
		take_away(&few[i]);
		take_away(&most[i]);
	}
}

static void one_that_waits_for_us_makes_room_for_an_address_that_has_less(void **state)
{
	static const struct clients_limits limits = {4, 100, 10, 10, MANY, MANY, MANY};
	struct pair pairs[4];
	struct pair newcomer;
	struct pair second;
	struct pair third;

	(void)state;
	start_clients(&limits);
	for (unsigned i = 0; i < 4; i++) {
		pairs[i] = add_from((unsigned char)(1 + i % 2));
		clients_set_phase(clients, pairs[i].client, CLIENT_WORK);
	}
	newcomer = add_from(3);
	clients_set_phase(clients, newcomer.client, CLIENT_WORK);
	assert_true(is_shut_down(&pairs[0], GRACE_MS));
	assert_false(is_shut_down(&newcomer, 0));
	for (size_t i = 1; i < 4; i++)
		assert_false(is_shut_down(&pairs[i], 0));
	/* Now only one address has more than one: not more than this one would have. */
	second = add_from(3);
	assert_true(is_shut_down(&second, GRACE_MS));
	assert_refused(REFUSAL_CONNECTIONS, 2);
	third = add_from(4);
	assert_true(is_shut_down(&pairs[1], GRACE_MS));
	assert_false(is_shut_down(&newcomer, 0));
	take_away(&newcomer);
	take_away(&second);
	take_away(&third);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

/* Where each address has one that waits for us, one more address gets in all the same. */
static void a_first_connection_is_never_refused(void **state)
{
	static const struct clients_limits limits = {2, 100, 10, 10, MANY, MANY, MANY};
	struct pair pairs[4];

	(void)state;
	start_clients(&limits);
	for (unsigned i = 0; i < 3; i++) {
		pairs[i] = add_from((unsigned char)(1 + i));
		clients_set_phase(clients, pairs[i].client, CLIENT_WORK);
	}
	pairs[3] = add_from(1);
	for (size_t i = 0; i < 3; i++)
		assert_false(is_shut_down(&pairs[i], 0));
	assert_true(is_shut_down(&pairs[3], GRACE_MS));
	assert_refused(REFUSAL_CONNECTIONS, 1);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

/* A kept connection of a good client, beside an address that makes new ones all the time. */
static void one_that_has_more_drives_out_none_that_has_less(void **state)
{
	static const struct clients_limits limits = {4, 100, 10, 10, MANY, MANY, MANY};
	struct pair good;
	struct pair pairs[3];
	struct pair more;

	(void)state;
	start_clients(&limits);
	good = add_from(1);
	clients_set_phase(clients, good.client, CLIENT_IDLE);
	for (size_t i = 0; i < LENGTH(pairs); i++) {
		pairs[i] = add_from(2);
		clients_set_phase(clients, pairs[i].client, CLIENT_WORK);
	}
	more = add_from(2);
	assert_true(is_shut_down(&more, GRACE_MS));
	assert_false(is_shut_down(&good, 0));
	take_away(&good);
	take_away(&more);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

static void one_address_drives_out_its_own_only(void **state)
{
	static const struct clients_limits limits = {10, 2, 10, 10, MANY, MANY, MANY};
	struct pair other;
	struct pair pairs[4];

	(void)state;
	start_clients(&limits);
	other = add_from(9); /* silent for longest */
	for (size_t i = 0; i < 3; i++)
		pairs[i] = add_from(1);
	assert_true(is_shut_down(&pairs[0], GRACE_MS));
	assert_false(is_shut_down(&other, 0));
	assert_false(is_shut_down(&pairs[1], 0));
	assert_false(is_shut_down(&pairs[2], 0));
	assert_refused(REFUSAL_CONNECTIONS_PER_ADDRESS, 1);
	/* Who is on the way out does not count, so that one newcomer costs one. */
	pairs[3] = add_from(1);
	assert_true(is_shut_down(&pairs[1], GRACE_MS));
	assert_false(is_shut_down(&pairs[2], 0));
	assert_refused(REFUSAL_CONNECTIONS_PER_ADDRESS, 2);
	take_away(&other);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

static void an_address_that_waits_for_us_gets_no_more(void **state)
{
	static const struct clients_limits limits = {10, 2, 10, 10, MANY, MANY, MANY};
	struct pair pairs[3];
	struct pair other;

	(void)state;
	start_clients(&limits);
	for (size_t i = 0; i < 2; i++) {
		pairs[i] = add_from(1);
		clients_set_phase(clients, pairs[i].client, CLIENT_WORK);
	}
	pairs[2] = add_from(1);
	other = add_from(2);
	assert_true(is_shut_down(&pairs[2], GRACE_MS));
	assert_false(is_shut_down(&pairs[0], 0));
	assert_false(is_shut_down(&pairs[1], 0));
	assert_false(is_shut_down(&other, 0));
	assert_refused(REFUSAL_CONNECTIONS_PER_ADDRESS, 1);
	take_away(&other);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, end_clients)
	const struct CMUnitTest tests[] = {
	    TEST(the_longest_silent_one_makes_room),
	    TEST(who_is_silent_goes_before_who_is_owed_something),
	    TEST(who_is_silent_goes_first_though_he_came_first),
	    TEST(who_waits_for_us_is_not_driven_out),
	    TEST(the_address_that_has_most_makes_room),
	    TEST(one_that_waits_for_us_makes_room_for_an_address_that_has_less),
	    TEST(a_first_connection_is_never_refused),
	    TEST(one_that_has_more_drives_out_none_that_has_less),
	    TEST(one_address_drives_out_its_own_only),
	    TEST(an_address_that_waits_for_us_gets_no_more),
	};

	return cmocka_run_group_tests_name("client places", tests, NULL, NULL);
}
