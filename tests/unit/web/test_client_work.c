// SPDX-License-Identifier: Apache-2.0
/* The places of --web.max-requests, and who has which. */
#include "exporter/web/clients.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client_pairs.h"

static struct pair add_working(unsigned char host, enum refusal expected)
{
	struct pair pair = add_from(host);

	assert_int_equal(clients_start_work(clients, pair.client), expected);
	return pair;
}

static void one_address_leaves_work_for_others(void **state)
{
	static const struct clients_limits limits = {10, 100, 3, 2, MANY, MANY, MANY};
	struct pair pairs[4];

	(void)state;
	start_clients(&limits);
	pairs[0] = add_working(1, REFUSALS);
	pairs[1] = add_working(1, REFUSALS);
	pairs[2] = add_working(1, REFUSAL_REQUESTS_PER_ADDRESS);
	assert_refused(REFUSAL_REQUESTS_PER_ADDRESS, 1);
	pairs[3] = add_working(2, REFUSALS);
	/* Whoever was refused took no place. */
	clients_set_phase(clients, pairs[0].client, CLIENT_RESPONSE);
	assert_int_equal(clients_start_work(clients, pairs[2].client), REFUSALS);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

static void work_has_a_bound_for_all(void **state)
{
	static const struct clients_limits limits = {10, 100, 2, 2, MANY, MANY, MANY};
	struct pair pairs[4];

	(void)state;
	start_clients(&limits);
	pairs[0] = add_working(1, REFUSALS);
	pairs[1] = add_working(2, REFUSALS);
	pairs[2] = add_working(1, REFUSAL_REQUESTS);
	pairs[3] = add_working(2, REFUSAL_REQUESTS);
	assert_refused(REFUSAL_REQUESTS, 2);
	/* Whoever goes makes room. */
	take_away(&pairs[0]);
	assert_int_equal(clients_start_work(clients, pairs[3].client), REFUSALS);
	for (size_t i = 1; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

static void each_address_has_its_share_of_work(void **state)
{
	static const struct clients_limits limits = {100, 100, 6, 3, MANY, MANY, MANY};
	struct pair pairs[6];
	struct pair newcomers[3];
	struct pair others[10];

	(void)state;
	start_clients(&limits);
	for (unsigned i = 0; i < 6; i++)
		pairs[i] = add_working((unsigned char)(1 + i % 2), REFUSALS);
	/* With the third, two for each. */
	newcomers[0] = add_working(3, REFUSALS);
	newcomers[1] = add_working(3, REFUSALS);
	newcomers[2] = add_working(3, REFUSAL_REQUESTS);
	/* However many there are, one for each. */
	for (unsigned i = 0; i < LENGTH(others); i++)
		others[i] = add_working((unsigned char)(4 + i), REFUSALS);
	assert_refused(REFUSAL_REQUESTS, 1);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
	for (size_t i = 0; i < LENGTH(newcomers); i++)
		take_away(&newcomers[i]);
	for (size_t i = 0; i < LENGTH(others); i++)
		take_away(&others[i]);
}

static void a_password_takes_no_place_of_work(void **state)
{
	static const struct clients_limits limits = {10, 100, 1, 1, MANY, MANY, MANY};
	struct pair checked;
	struct pair working;

	(void)state;
	start_clients(&limits);
	checked = add_from(1);
	clients_set_phase(clients, checked.client, CLIENT_PASSWORD);
	assert_false(clients_drain(clients, 0));
	working = add_working(1, REFUSALS);
	assert_int_equal(clients_start_work(clients, checked.client), REFUSAL_REQUESTS);
	take_away(&checked);
	take_away(&working);
}

/* Who watches for a day keeps nobody from a scrape, nor the other way round. */
static void watching_has_places_of_its_own(void **state)
{
	static const struct clients_limits limits = {10, 100, 2, 1, MANY, MANY, MANY};
	struct pair pairs[6];

	(void)state;
	start_clients(&limits);
	for (unsigned char i = 0; i < 6; i++)
		pairs[i] = add_from((unsigned char)(1 + i / 2));
	assert_int_equal(clients_start_watch(clients, pairs[0].client), REFUSALS);
	assert_int_equal(
	    clients_start_watch(clients, pairs[1].client), REFUSAL_REQUESTS_PER_ADDRESS);
	assert_int_equal(clients_start_watch(clients, pairs[2].client), REFUSALS);
	/* Each address has its share, and two of work. */
	assert_int_equal(clients_start_watch(clients, pairs[3].client), REFUSAL_REQUESTS);
	assert_int_equal(clients_start_watch(clients, pairs[4].client), REFUSALS);
	assert_int_equal(clients_start_work(clients, pairs[1].client), REFUSALS);
	assert_int_equal(clients_start_work(clients, pairs[3].client), REFUSALS);
	assert_false(clients_drain(clients, 0));
	/* A place comes back. */
	clients_set_phase(clients, pairs[0].client, CLIENT_RESPONSE);
	clients_set_phase(clients, pairs[1].client, CLIENT_IDLE);
	assert_int_equal(clients_start_watch(clients, pairs[1].client), REFUSALS);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

static void who_watches_leaves_all_work_to_others(void **state)
{
	static const struct clients_limits limits = {10, 100, 3, 3, MANY, MANY, MANY};
	struct pair pairs[6];

	(void)state;
	start_clients(&limits);
	for (unsigned char i = 0; i < 6; i++)
		pairs[i] = add_from((unsigned char)(1 + i / 3));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(clients_start_watch(clients, pairs[i].client), REFUSALS);
	assert_int_equal(clients_start_work(clients, pairs[3].client), REFUSALS);
	/* Of three, two are of one address. */
	clients_set_phase(clients, pairs[2].client, CLIENT_IDLE);
	assert_int_equal(clients_start_work(clients, pairs[2].client), REFUSALS);
	assert_int_equal(clients_start_work(clients, pairs[4].client), REFUSALS);
	assert_int_equal(clients_start_watch(clients, pairs[5].client), REFUSALS);
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

static void who_has_gone_is_noticed(void **state)
{
	static const struct clients_limits limits = {10, 100, 2, 2, MANY, MANY, MANY};
	struct pair pair;

	(void)state;
	start_clients(&limits);
	pair = add_from(1);
	assert_false(client_is_gone(pair.client));
	/* What is sent is no end. */
	assert_int_equal(write(pair.theirs, "x", 1), 1);
	assert_false(client_is_gone(pair.client));
	assert_int_equal(shutdown(pair.theirs, SHUT_WR), 0);
	assert_true(client_is_gone(pair.client));
	take_away(&pair);
}

static void an_address_is_prompt_now_and_then(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, MANY, MANY, MANY};
	struct pair greedy[2];
	struct pair other;
	unsigned prompt = 0;

	(void)state;
	start_clients(&limits);
	for (size_t i = 0; i < LENGTH(greedy); i++)
		greedy[i] = add_from(1);
	other = add_from(2);
	/* For as long as it asks that often, never again. */
	for (unsigned i = 0; i < 100; i++) {
		prompt += clients_is_prompt(clients, greedy[i % 2].client);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	assert_int_equal(prompt, 1);
	assert_true(clients_is_prompt(clients, other.client));
	for (size_t i = 0; i < LENGTH(greedy); i++)
		take_away(&greedy[i]);
	take_away(&other);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, end_clients)
	const struct CMUnitTest tests[] = {
	    TEST(one_address_leaves_work_for_others),
	    TEST(work_has_a_bound_for_all),
	    TEST(each_address_has_its_share_of_work),
	    TEST(a_password_takes_no_place_of_work),
	    TEST(watching_has_places_of_its_own),
	    TEST(who_watches_leaves_all_work_to_others),
	    TEST(who_has_gone_is_noticed),
	    TEST(an_address_is_prompt_now_and_then),
	};

	return cmocka_run_group_tests_name("client_work places", tests, NULL, NULL);
}
