// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/clients.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client_pairs.h"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void assert_ends_after(
    const struct clients_limits *limits, enum client_phase phase, double seconds)
{
	const double before = now();
	struct pair pair;

	start_clients(limits);
	pair = add();
	if (phase != CLIENT_REQUEST)
		clients_set_phase(clients, pair.client, phase);
	assert_true(is_shut_down(&pair, GRACE_MS));
	assert_true(now() - before >= seconds);
	take_away(&pair);
	end_clients(NULL);
}

static void every_phase_has_its_own_end(void **state)
{
	(void)state;
	assert_ends_after(
	    &(struct clients_limits){10, 100, 10, 10, 1, MANY, MANY}, CLIENT_REQUEST, 1);
	assert_ends_after(
	    &(struct clients_limits){10, 100, 10, 10, MANY, 1, MANY}, CLIENT_RESPONSE, 1);
	assert_ends_after(&(struct clients_limits){10, 100, 10, 10, MANY, MANY, 1}, CLIENT_IDLE, 1);
}

static void other_phases_have_not(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, 1, MANY, MANY};
	struct pair work;
	struct pair response;
	struct pair idle;

	(void)state;
	start_clients(&limits);
	work = add();
	response = add();
	idle = add();
	clients_set_phase(clients, work.client, CLIENT_WORK);
	clients_set_phase(clients, response.client, CLIENT_RESPONSE);
	clients_set_phase(clients, idle.client, CLIENT_IDLE);
	assert_false(is_shut_down(&work, 1700));
	assert_false(is_shut_down(&response, 0));
	assert_false(is_shut_down(&idle, 0));
	take_away(&work);
	take_away(&response);
	take_away(&idle);
}

/* Whoever waits for us is never late, however long we take. */
static void work_has_no_end(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, 1, 1, 1};
	struct pair pair;

	(void)state;
	start_clients(&limits);
	pair = add();
	clients_set_phase(clients, pair.client, CLIENT_WORK);
	assert_false(is_shut_down(&pair, 1700));
	clients_set_phase(clients, pair.client, CLIENT_RESPONSE);
	assert_true(is_shut_down(&pair, GRACE_MS));
	take_away(&pair);
}

static void a_new_phase_starts_its_time(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, 2, MANY, 2};
	struct pair pair;
	double before;

	(void)state;
	start_clients(&limits);
	pair = add();
	assert_false(is_shut_down(&pair, 1200));
	before = now();
	clients_set_phase(clients, pair.client, CLIENT_IDLE);
	assert_true(is_shut_down(&pair, GRACE_MS));
	assert_true(now() - before >= 2);
	take_away(&pair);
}

/* A byte now and then does not keep a connection. */
static void what_trickles_in_does_not_prolong_it(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, 1, MANY, MANY};
	struct pair pair;
	bool ended = false;

	(void)state;
	start_clients(&limits);
	pair = add();
	for (int i = 0; i < GRACE_MS / 100 && !ended; i++) {
		(void)send(pair.theirs, "x", 1, MSG_NOSIGNAL);
		ended = is_shut_down(&pair, 100);
	}
	assert_true(ended);
	take_away(&pair);
}

static void one_that_ends_does_not_take_others_along(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, 1, MANY, MANY};
	struct pair idle[7];
	struct pair late;

	(void)state;
	start_clients(&limits);
	for (size_t i = 0; i < LENGTH(idle); i++) {
		idle[i] = add();
		clients_set_phase(clients, idle[i].client, CLIENT_IDLE);
	}
	late = add();
	assert_true(is_shut_down(&late, GRACE_MS));
	for (size_t i = 0; i < LENGTH(idle); i++) {
		assert_false(is_shut_down(&idle[i], 0));
		take_away(&idle[i]);
	}
	take_away(&late);
}

/* As the HTTP server does: an event that it missed comes again. */
static void who_is_shut_down_is_told_until_he_is_gone(void **state)
{
	static const struct clients_limits limits = {10, 1, 10, 10, MANY, MANY, MANY};
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct pair first;
	struct pair second;

	(void)state;
	start_clients(&limits);
	first = add_from(1);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, first.ours, &event), 0);
	second = add_from(1);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(epoll_wait(epoll, &event, 1, GRACE_MS), 1);
		assert_true(event.events & EPOLLHUP);
	}
	assert_refused(REFUSAL_CONNECTIONS_PER_ADDRESS, 1);
	take_away(&first);
	take_away(&second);
	close(epoll);
}

static void what_is_cut_off_is_counted(void **state)
{
	static const struct {
		struct clients_limits limits;
		enum client_phase phase;
		enum refusal refusal;
		unsigned long count;
	} cases[] = {
	    {{10, 10, 10, 10, 1, MANY, MANY}, CLIENT_REQUEST, REFUSAL_REQUEST_TIMEOUT, 1},
	    {{10, 10, 10, 10, MANY, 1, MANY}, CLIENT_RESPONSE, REFUSAL_RESPONSE_TIMEOUT, 1},
	    /* Nothing was refused to who asked for nothing. */
	    {{10, 10, 10, 10, MANY, MANY, 1}, CLIENT_IDLE, REFUSALS, 0},
	};
	struct pair pair;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		start_clients(&cases[i].limits);
		pair = add();
		clients_set_phase(clients, pair.client, cases[i].phase);
		assert_true(is_shut_down(&pair, GRACE_MS));
		assert_refused(cases[i].refusal, cases[i].count);
		take_away(&pair);
		end_clients(NULL);
	}
}

static void draining_waits_for_nobody_who_is_owed_nothing(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, MANY, MANY, MANY};
	struct pair idle;
	const double before = now();

	(void)state;
	start_clients(&limits);
	assert_true(clients_drain(clients, MANY));
	idle = add();
	clients_set_phase(clients, idle.client, CLIENT_IDLE);
	assert_true(clients_drain(clients, 0));
	assert_true(clients_drain(clients, MANY));
	assert_true(now() - before < 5);
	take_away(&idle);
}

static void draining_waits_a_second_for_a_request(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, MANY, MANY, MANY};
	struct pair silent;
	double before;

	(void)state;
	start_clients(&limits);
	silent = add();
	before = now();
	assert_false(clients_drain(clients, 0));
	assert_true(clients_drain(clients, MANY));
	assert_true(now() - before >= 0.9);
	/* Who said nothing till then is not waited for again, until he begins another. */
	assert_true(clients_drain(clients, 0));
	clients_set_phase(clients, silent.client, CLIENT_REQUEST);
	assert_false(clients_drain(clients, 0));
	assert_true(now() - before < 5);
	take_away(&silent);
}

static void draining_does_not_wait_for_who_was_cut_off(void **state)
{
	static const struct clients_limits limits = {1, 100, 10, 10, MANY, MANY, MANY};
	struct pair cut_off;
	struct pair newcomer;

	(void)state;
	start_clients(&limits);
	cut_off = add();
	newcomer = add();
	assert_true(is_shut_down(&cut_off, GRACE_MS));
	clients_set_phase(clients, newcomer.client, CLIENT_IDLE);
	assert_true(clients_drain(clients, 0));
	take_away(&cut_off);
	take_away(&newcomer);
}

static void draining_ends_in_time(void **state)
{
	static const enum client_phase owed[] = {CLIENT_WORK, CLIENT_RESPONSE};
	static const struct clients_limits limits = {10, 100, 10, 10, MANY, MANY, MANY};
	struct pair pair;

	(void)state;
	start_clients(&limits);
	pair = add();
	for (size_t i = 0; i < LENGTH(owed); i++) {
		const double before = now();

		clients_set_phase(clients, pair.client, owed[i]);
		assert_false(clients_drain(clients, 1));
		assert_true(now() - before >= 1);
		assert_true(now() - before < 5);
		assert_false(clients_drain(clients, 0));
	}
	take_away(&pair);
}

static void *take_response(void *context)
{
	const struct pair *pair = context;

	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	clients_set_phase(clients, pair->client, CLIENT_IDLE);
	return NULL;
}

static void draining_ends_when_the_last_has_his_response(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, MANY, MANY, MANY};
	struct pair pair;
	pthread_t thread;
	const double before = now();

	(void)state;
	start_clients(&limits);
	pair = add();
	clients_set_phase(clients, pair.client, CLIENT_RESPONSE);
	assert_int_equal(pthread_create(&thread, NULL, take_response, &pair), 0);
	assert_true(clients_drain(clients, MANY));
	assert_true(now() - before >= 0.3);
	pthread_join(thread, NULL);
	take_away(&pair);
}

static void no_client_is_taken_everywhere(void **state)
{
	static const struct clients_limits limits = {1, 100, 10, 10, 1, 1, 1};

	(void)state;
	start_clients(&limits);
	clients_set_phase(clients, NULL, CLIENT_WORK);
	clients_remove(clients, NULL);
	assert_true(clients_drain(clients, 0));
	clients_free(NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, end_clients)
	const struct CMUnitTest tests[] = {
	    TEST(every_phase_has_its_own_end),
	    TEST(other_phases_have_not),
	    TEST(work_has_no_end),
	    TEST(a_new_phase_starts_its_time),
	    TEST(what_trickles_in_does_not_prolong_it),
	    TEST(one_that_ends_does_not_take_others_along),
	    TEST(who_is_shut_down_is_told_until_he_is_gone),
	    TEST(what_is_cut_off_is_counted),
	    TEST(draining_waits_for_nobody_who_is_owed_nothing),
	    TEST(draining_waits_a_second_for_a_request),
	    TEST(draining_does_not_wait_for_who_was_cut_off),
	    TEST(draining_ends_in_time),
	    TEST(draining_ends_when_the_last_has_his_response),
	    TEST(no_client_is_taken_everywhere),
	};

	return cmocka_run_group_tests_name("clients", tests, NULL, NULL);
}
