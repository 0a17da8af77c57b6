// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/auth_queue.h"

#include <stdlib.h>

#include "collectors/kernel/clock.h"
#include "unit.h"

static struct auth_queue queue;

static int set_up(void **state)
{
	(void)state;
	assert_result(auth_queue_init(&queue), 0);
	return 0;
}

static void free_all(struct auth_request *list)
{
	while (list) {
		struct auth_request *next = list->next;

		free(list);
		list = next;
	}
}

static int tear_down(void **state)
{
	(void)state;
	free_all(auth_queue_take_all(&queue));
	assert_int_equal(queue.length, 0);
	auth_queue_release(&queue);
	return 0;
}

static struct peer peer_number(unsigned number)
{
	return (struct peer){{1, (unsigned char)(number >> 16), (unsigned char)(number >> 8),
	    (unsigned char)number}};
}

static struct auth_request *make_request(unsigned peer)
{
	struct auth_request *request = calloc(1, sizeof(*request));

	assert_non_null(request);
	request->peer = peer_number(peer);
	request->deadline = clock_in(1000);
	return request;
}

/* Returns the number of requests that wait of that peer. */
static unsigned waiting_of(unsigned number)
{
	const struct peer peer = peer_number(number);
	unsigned count = 0;

	for (const struct auth_request *i = queue.first; i; i = i->next)
		count += peer_is_same(&i->peer, &peer);
	return count;
}

/* A request of that peer, which waits afterwards. */
static struct auth_request *ask(unsigned peer)
{
	struct auth_request *request = make_request(peer);

	assert_null(auth_queue_add(&queue, request));
	return request;
}

/* The same where one must give way. Whether that is another than this. */
static bool push(unsigned peer)
{
	struct auth_request *request = make_request(peer);
	struct auth_request *refused = auth_queue_add(&queue, request);
	const bool placed = refused != request;

	free(refused);
	return placed;
}

/* Checks whose turn is next. Returns whether it is that peer's; then the check ended so. */
static bool check_next(unsigned number, bool granted)
{
	const struct peer peer = peer_number(number);
	struct auth_request *request = auth_queue_take(&queue);

	assert_non_null(request);

	const bool same = peer_is_same(&request->peer, &peer);

	auth_queue_note(&queue, request, same && granted);
	free(request);
	return same;
}

static void peers_take_turns(void **state)
{
	static const unsigned wanted[] = {1, 2, 3, 1, 2, 1, 1};

	(void)state;
	for (int i = 0; i < 4; i++)
		ask(1);
	ask(2);
	ask(3);
	ask(2);
	for (size_t i = 0; i < LENGTH(wanted); i++)
		assert_true(check_next(wanted[i], false));
	assert_null(auth_queue_take(&queue));
}

static void one_peer_has_few_places(void **state)
{
	(void)state;
	for (int i = 0; i < AUTH_WAITING_OF_A_PEER_MAX; i++)
		ask(1);
	assert_false(push(1));
	assert_int_equal(waiting_of(1), AUTH_WAITING_OF_A_PEER_MAX);
}

/* Every peer that comes gets a place, until each has one. */
static void a_newcomer_takes_the_place_of_who_has_most(void **state)
{
	struct auth_request *newest = NULL;

	(void)state;
	for (unsigned peer = 0; peer < AUTH_WAITING_MAX / 4; peer++)
		for (int i = 0; i < 4; i++)
			newest = ask(peer);

	/* Those that have as many are alike; of the last one, the newest request gives way. */
	struct auth_request *request = make_request(100);
	struct auth_request *refused = auth_queue_add(&queue, request);

	assert_ptr_equal(refused, newest);
	free(refused);
	for (unsigned peer = 101; peer < 100 + AUTH_WAITING_MAX - AUTH_WAITING_MAX / 4; peer++)
		assert_true(push(peer));
	for (unsigned peer = 0; peer < AUTH_WAITING_MAX / 4; peer++)
		assert_int_equal(waiting_of(peer), 1);
	assert_int_equal(queue.length, AUTH_WAITING_MAX);
	/* All have one: a further one would take turns with another for a place. */
	assert_false(push(200));
	assert_false(push(0));
}

static void who_was_denied_makes_room_for_who_was_not(void **state)
{
	(void)state;
	for (unsigned peer = 0; peer < AUTH_WAITING_MAX; peer++) {
		ask(peer);
		assert_true(check_next(peer, false));
	}
	for (unsigned peer = 0; peer < AUTH_WAITING_MAX; peer++)
		ask(peer);
	assert_true(push(100));
	/* The one that was denied last gave way. It does not get the place back. */
	assert_int_equal(waiting_of(AUTH_WAITING_MAX - 1), 0);
	assert_false(push(AUTH_WAITING_MAX - 1));
	/* A second request is not worth the only one of another peer. */
	assert_false(push(100));
	assert_true(check_next(100, true));
	assert_true(check_next(0, false));
}

static void who_was_granted_goes_first(void **state)
{
	(void)state;
	ask(1);
	assert_true(check_next(1, true));
	for (unsigned peer = 1000; peer < 1000 + AUTH_TURNS_DENIED + 10; peer++) {
		ask(peer);
		assert_true(check_next(peer, false));
	}
	ask(2);
	ask(1);
	assert_true(check_next(1, false));
	/* A wrong guess ends that. */
	ask(1);
	assert_true(check_next(2, true));
	assert_true(check_next(1, true));
	ask(3);
	ask(1);
	assert_true(check_next(1, true));
}

static void many_that_were_denied_are_remembered(void **state)
{
	(void)state;
	for (unsigned peer = 0; peer < AUTH_TURNS_DENIED; peer++) {
		ask(peer);
		assert_true(check_next(peer, false));
	}
	ask(AUTH_TURNS_DENIED - 1);
	ask(0);
	ask(AUTH_TURNS_DENIED);
	assert_true(check_next(AUTH_TURNS_DENIED, false)); /* pushes out peer 0, the oldest */
	assert_true(check_next(0, false));
	assert_true(check_next(AUTH_TURNS_DENIED - 1, false));
	ask(2); /* peer 1 was the oldest when peer 0 was denied again */
	ask(AUTH_TURNS_DENIED);
	ask(AUTH_TURNS_DENIED + 1);
	assert_true(check_next(AUTH_TURNS_DENIED + 1, false));
}

/*
 * Between two checks more of them ask than there are places, each several times in a row. They have
 * numbers from 1.
 */
static void attack(unsigned attackers, unsigned round)
{
	for (unsigned i = 0; i < 2 * AUTH_WAITING_MAX; i++)
		push(1 + (i / 5 + round * 13) % attackers);
}

/* How many checks it takes until peer 0 is checked, if it asks before every `interval` of them. */
static unsigned checks_until_granted(unsigned attackers, unsigned interval)
{
	for (unsigned checks = 0; checks < 100 * attackers + 100; checks++) {
		attack(attackers, checks);
		if (checks % interval == 0 && waiting_of(0) == 0)
			push(0);
		if (check_next(0, true))
			return checks + 1;
	}
	return UINT32_MAX;
}

/*
 * Every attacking address delays a new client by one check: 200 of 0.2 s are 40 s. A scrape each
 * 15 s (75 checks) may just miss that.
 */
static void a_new_client_is_granted_among_many_attackers(void **state)
{
	static const unsigned attackers[] = {1, 12, 32, 200};

	(void)state;
	for (size_t i = 0; i < LENGTH(attackers); i++) {
		assert_in_range(checks_until_granted(attackers[i], 1), 1, attackers[i] + 1);
		tear_down(NULL);
		set_up(NULL);
		assert_in_range(checks_until_granted(attackers[i], 75), 1, attackers[i] + 1 + 75);
		/* The attackers are known by now, and the next new client is the next to be
		 * checked. */
		for (unsigned round = 0; round < attackers[i]; round++) {
			attack(attackers[i], round);
			check_next(5000, false);
		}
		attack(attackers[i], 0);
		assert_true(push(5000));
		attack(attackers[i], 0);
		assert_true(check_next(5000, true));
		tear_down(NULL);
		set_up(NULL);
	}
}

/* As peer.c makes it of an IPv6 address: its kind, then the prefix. */
static struct auth_request *make_ipv6_request(unsigned char network, unsigned number)
{
	struct auth_request *request = make_request(0);

	request->peer = (struct peer){{2, 0x20, 0x01, 0x0d, 0xb8, 0, network,
	    (unsigned char)(number >> 8), (unsigned char)number}};
	return request;
}

/* One host has all of a /48: each guess comes from an address that was never seen. */
static void an_ipv6_network_is_new_once(void **state)
{
	struct peer network;
	unsigned number = 0;

	(void)state;

	struct auth_request *first = make_ipv6_request(1, number++);

	assert_true(peer_network(&first->peer, &network));
	free(auth_queue_add(&queue, first));
	assert_false(check_next(0, false));
	for (int i = 0; i < 2 * AUTH_WAITING_MAX; i++)
		free(auth_queue_add(&queue, make_ipv6_request(1, number++)));
	assert_int_equal(queue.length, AUTH_WAITING_MAX);
	/* New are another network's, and any other peer. */
	free(auth_queue_add(&queue, make_ipv6_request(2, 0)));
	assert_true(push(7));

	struct auth_request *next = auth_queue_take(&queue);

	assert_int_equal(next->peer.bytes[6], 2);
	auth_queue_note(&queue, next, true);
	free(next);
	assert_true(check_next(7, true));
	assert_false(check_next(7, true));
}

static void the_late_are_taken_out(void **state)
{
	struct auth_request *late;

	(void)state;
	ask(1);
	late = ask(2);
	ask(3);
	late->deadline = clock_now();

	struct auth_request *taken = auth_queue_take_late(&queue);

	assert_ptr_equal(taken, late);
	assert_null(taken->next);
	free_all(taken);
	assert_null(auth_queue_take_late(&queue));
	ask(4);
	assert_true(check_next(1, false));
	assert_true(check_next(3, false));
	assert_true(check_next(4, false));
}

static void those_of_one_digest_are_taken_out(void **state)
{
	struct digest digest = {{7}};

	(void)state;
	ask(1)->digest = digest;
	ask(2);
	ask(3)->digest = digest;

	struct auth_request *taken = auth_queue_take_same(&queue, &digest);

	assert_non_null(taken);
	assert_non_null(taken->next);
	assert_null(taken->next->next);
	free_all(taken);
	ask(4);
	assert_true(check_next(2, false));
	assert_true(check_next(4, false));
	assert_int_equal(queue.length, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(peers_take_turns),
	    TEST(one_peer_has_few_places),
	    TEST(a_newcomer_takes_the_place_of_who_has_most),
	    TEST(who_was_denied_makes_room_for_who_was_not),
	    TEST(who_was_granted_goes_first),
	    TEST(many_that_were_denied_are_remembered),
	    TEST(a_new_client_is_granted_among_many_attackers),
	    TEST(an_ipv6_network_is_new_once),
	    TEST(the_late_are_taken_out),
	    TEST(those_of_one_digest_are_taken_out),
	};

	return cmocka_run_group_tests_name("auth_queue", tests, NULL, NULL);
}
