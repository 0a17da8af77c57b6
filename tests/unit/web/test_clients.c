// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/clients.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

/* A limit is enforced within this, of a machine that is busy with other tests. */
#define GRACE_MS 5000

#define MANY 3600 /* seconds: longer than any test */

struct pair {
	int ours; /* what the clients watch */
	int theirs;
	struct client *client;
};

static struct clients *clients;
static struct refusals refusals;

static void start(const struct clients_limits *limits)
{
	memset(&refusals, 0, sizeof(refusals));
	assert_result(clients_new(limits, &refusals, &clients), 0);
}

/* What was counted under that reason, and nothing under any other. */
static void assert_refused(enum refusal refusal, unsigned long count)
{
	for (size_t i = 0; i < REFUSALS; i++) {
		const unsigned long found = atomic_load(&refusals.counts[i]);

		if (found != (i == refusal ? count : 0))
			fail_msg("%lu were counted under %zu", found, i);
	}
}

static int tear_down(void **state)
{
	(void)state;
	clients_free(clients);
	clients = NULL;
	return 0;
}

static struct pair add(void)
{
	struct pair pair;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pair.ours = fds[0];
	pair.theirs = fds[1];
	pair.client = clients_add(clients, pair.ours);
	assert_non_null(pair.client);
	return pair;
}

/* A connection of 127.0.0.HOST. */
static struct pair add_from(unsigned char host)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	struct pair pair;
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	pair.theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	struct sockaddr_in source = {.sin_family = AF_INET};

	source.sin_addr.s_addr = htonl((127U << 24) + host);
	assert_int_equal(bind(pair.theirs, (struct sockaddr *)&source, sizeof(source)), 0);
	assert_int_equal(connect(pair.theirs, (struct sockaddr *)&address, size), 0);
	pair.ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(pair.ours >= 0);
	close(listener);
	pair.client = clients_add(clients, pair.ours);
	assert_non_null(pair.client);
	return pair;
}

static void take_away(struct pair *pair)
{
	clients_remove(clients, pair->client);
	close(pair->ours);
	close(pair->theirs);
}

/* Whether the client was shut down within that time: its end then reads an end of file. */
static bool is_shut_down(const struct pair *pair, int milliseconds)
{
	struct pollfd wait = {.fd = pair->theirs, .events = POLLIN};
	char byte;

	if (poll(&wait, 1, milliseconds) == 0)
		return false;
	return recv(pair->theirs, &byte, 1, MSG_DONTWAIT) == 0;
}

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

	start(limits);
	pair = add();
	if (phase != CLIENT_REQUEST)
		clients_set_phase(clients, pair.client, phase);
	assert_true(is_shut_down(&pair, GRACE_MS));
	assert_true(now() - before >= seconds);
	take_away(&pair);
	tear_down(NULL);
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
	start(&limits);
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
	start(&limits);
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
	start(&limits);
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
	start(&limits);
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
	start(&limits);
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
	start(&limits);
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

static void the_longest_silent_one_makes_room(void **state)
{
	static const struct clients_limits limits = {3, 100, 10, 10, MANY, MANY, MANY};
	struct pair pairs[6];

	(void)state;
	start(&limits);
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
	start(&limits);
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
	start(&limits);
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

static void who_waits_for_us_is_never_driven_out(void **state)
{
	static const struct clients_limits limits = {2, 100, 10, 10, MANY, MANY, MANY};
	struct pair pairs[3];

	(void)state;
	start(&limits);
	for (size_t i = 0; i < LENGTH(pairs); i++) {
		pairs[i] = add();
		clients_set_phase(clients, pairs[i].client, CLIENT_WORK);
	}
	for (size_t i = 0; i < LENGTH(pairs); i++)
		assert_false(is_shut_down(&pairs[i], 100));
	for (size_t i = 0; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

static void one_address_drives_out_its_own_only(void **state)
{
	static const struct clients_limits limits = {10, 2, 10, 10, MANY, MANY, MANY};
	struct pair other;
	struct pair pairs[4];

	(void)state;
	start(&limits);
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
	start(&limits);
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
		start(&cases[i].limits);
		pair = add();
		clients_set_phase(clients, pair.client, cases[i].phase);
		assert_true(is_shut_down(&pair, GRACE_MS));
		assert_refused(cases[i].refusal, cases[i].count);
		take_away(&pair);
		tear_down(NULL);
	}
}

static void draining_waits_for_nobody_who_is_owed_nothing(void **state)
{
	static const struct clients_limits limits = {10, 100, 10, 10, MANY, MANY, MANY};
	struct pair idle;
	const double before = now();

	(void)state;
	start(&limits);
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
	start(&limits);
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
	start(&limits);
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
	start(&limits);
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
	start(&limits);
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
	start(&limits);
	clients_set_phase(clients, NULL, CLIENT_WORK);
	clients_remove(clients, NULL);
	assert_true(clients_drain(clients, 0));
	clients_free(NULL);
}

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
	start(&limits);
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
	start(&limits);
	pairs[0] = add_working(1, REFUSALS);
	pairs[1] = add_working(2, REFUSALS);
	pairs[2] = add_working(1, REFUSAL_REQUESTS);
	pairs[3] = add_working(3, REFUSAL_REQUESTS);
	assert_refused(REFUSAL_REQUESTS, 2);
	/* Whoever goes makes room. */
	take_away(&pairs[0]);
	assert_int_equal(clients_start_work(clients, pairs[3].client), REFUSALS);
	for (size_t i = 1; i < LENGTH(pairs); i++)
		take_away(&pairs[i]);
}

static void a_password_takes_no_place_of_work(void **state)
{
	static const struct clients_limits limits = {10, 100, 1, 1, MANY, MANY, MANY};
	struct pair checked;
	struct pair working;

	(void)state;
	start(&limits);
	checked = add_from(1);
	clients_set_phase(clients, checked.client, CLIENT_PASSWORD);
	assert_false(clients_drain(clients, 0));
	working = add_working(1, REFUSALS);
	assert_int_equal(clients_start_work(clients, checked.client), REFUSAL_REQUESTS);
	take_away(&checked);
	take_away(&working);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(every_phase_has_its_own_end),
	    TEST(other_phases_have_not),
	    TEST(work_has_no_end),
	    TEST(a_new_phase_starts_its_time),
	    TEST(what_trickles_in_does_not_prolong_it),
	    TEST(one_that_ends_does_not_take_others_along),
	    TEST(who_is_shut_down_is_told_until_he_is_gone),
	    TEST(the_longest_silent_one_makes_room),
	    TEST(who_is_silent_goes_before_who_is_owed_something),
	    TEST(who_is_silent_goes_first_though_he_came_first),
	    TEST(who_waits_for_us_is_never_driven_out),
	    TEST(one_address_drives_out_its_own_only),
	    TEST(an_address_that_waits_for_us_gets_no_more),
	    TEST(one_address_leaves_work_for_others),
	    TEST(work_has_a_bound_for_all),
	    TEST(a_password_takes_no_place_of_work),
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
