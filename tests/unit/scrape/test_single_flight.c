// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/single_flight.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "collectors/kernel/clock.h"
#include "unit.h"

/* Work on a set of bits, which waits until it is let go on. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned running; /* the bits that were added */
	unsigned begun;	  /* how many works */
	unsigned finished;
	unsigned asked;	  /* how often it asked whether to stop */
	unsigned allowed; /* how many may come to their end */
	bool mute;	  /* it does not ask whether to stop */
	bool stubborn;	  /* it does not listen */
	int result;
} host;

/* How far the clock is ahead, so that no test need wait. */
static atomic_long ahead;

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	const int result = __real_clock_gettime(clock, ret_time);

	ret_time->tv_sec += atomic_load(&ahead);
	return result;
}

struct bits {
	struct shared_request shared;
	unsigned bits;
	unsigned told; /* how often done was called */
	int error;
	unsigned got; /* the bits that its work was for */
};

static void add(void *context, const struct shared_request *request)
{
	assert_ptr_equal(context, &host);
	host.running |= ((const struct bits *)request)->bits;
}

static bool covers(void *context, const struct shared_request *request)
{
	(void)context;
	return (((const struct bits *)request)->bits & ~host.running) == 0;
}

static int run(
    void *context, bool (*should_stop)(void *sharing), void *sharing, const void **ret_result)
{
	int result = 0;

	(void)context;
	pthread_mutex_lock(&host.lock);
	host.begun++;
	pthread_cond_broadcast(&host.changed);
	while (host.begun > host.allowed && result == 0) {
		const struct timespec nap = {.tv_nsec = 1000000};

		pthread_mutex_unlock(&host.lock);
		nanosleep(&nap, NULL);
		const bool stop = !host.mute && should_stop(sharing);

		pthread_mutex_lock(&host.lock);
		if (stop && !host.stubborn)
			result = -ECANCELED;
		host.asked++;
		pthread_cond_broadcast(&host.changed);
	}
	if (result == 0)
		result = host.result;
	pthread_mutex_unlock(&host.lock);
	if (result == 0)
		*ret_result = &host.running;
	return result;
}

static void finish(void *context, const void *result)
{
	(void)context;
	(void)result;
	pthread_mutex_lock(&host.lock);
	host.running = 0;
	host.finished++;
	pthread_cond_broadcast(&host.changed);
	pthread_mutex_unlock(&host.lock);
}

static void done(struct shared_request *request, int error, const void *result)
{
	struct bits *bits = (struct bits *)request;

	pthread_mutex_lock(&host.lock);
	bits->told++;
	bits->error = error;
	bits->got = result ? *(const unsigned *)result : 0;
	pthread_cond_broadcast(&host.changed);
	pthread_mutex_unlock(&host.lock);
}

static struct single_flight *sharing;
static struct refusals refusals;

static int set_up(void **state)
{
	const struct shared_work work = {add, covers, run, finish, &host};

	(void)state;
	memset(&host, 0, sizeof(host));
	atomic_store(&ahead, 0);
	pthread_mutex_init(&host.lock, NULL);
	pthread_cond_init(&host.changed, NULL);
	memset(&refusals, 0, sizeof(refusals));
	assert_result(single_flight_new(&work, &(struct shared_limit){0, NULL}, &sharing), 0);
	return 0;
}

static void allow(unsigned works)
{
	pthread_mutex_lock(&host.lock);
	host.allowed = works;
	pthread_mutex_unlock(&host.lock);
}

static int tear_down(void **state)
{
	(void)state;
	/* A test that failed has left work that nothing would end. */
	allow(100);
	single_flight_free(sharing);
	return 0;
}

static void submit(struct bits *bits, unsigned which, double seconds)
{
	*bits =
	    (struct bits){.shared = {.deadline = clock_in(seconds), .done = done}, .bits = which};
	single_flight_submit(sharing, &bits->shared);
}

/* Waits until *count is at least wanted; the test's own time-out ends a wait for nothing. */
static void wait_for(const unsigned *count, unsigned wanted)
{
	pthread_mutex_lock(&host.lock);
	while (*count < wanted)
		pthread_cond_wait(&host.changed, &host.lock);
	pthread_mutex_unlock(&host.lock);
}

static void assert_told(const struct bits *bits, int error, unsigned got)
{
	assert_int_equal(bits->told, 1);
	assert_result(bits->error, error);
	assert_int_equal(bits->got, got);
}

static void who_asks_for_what_is_being_done_joins(void **state)
{
	struct bits first, same, other, more;

	(void)state;
	assert_result(single_flight_start(sharing), 0);
	submit(&first, 3, 60);
	wait_for(&host.begun, 1);
	submit(&same, 1, 60);
	submit(&other, 4, 60);
	submit(&more, 9, 60);
	allow(1);
	wait_for(&same.told, 1);
	wait_for(&first.told, 1);
	assert_told(&first, 0, 3);
	assert_told(&same, 0, 3);
	/* The other two share the next one. */
	wait_for(&host.begun, 2);
	assert_int_equal(other.told + more.told, 0);
	allow(2);
	wait_for(&other.told, 1);
	wait_for(&more.told, 1);
	assert_told(&other, 0, 13);
	assert_told(&more, 0, 13);
	wait_for(&host.finished, 2);
	assert_int_equal(host.begun, 2);
}

static void what_comes_before_the_start_shares_the_first_work(void **state)
{
	struct bits one, two;

	(void)state;
	submit(&one, 1, 60);
	submit(&two, 2, 60);
	allow(1);
	assert_result(single_flight_start(sharing), 0);
	wait_for(&one.told, 1);
	wait_for(&two.told, 1);
	assert_told(&one, 0, 3);
	assert_told(&two, 0, 3);
}

static void an_error_is_everyones(void **state)
{
	struct bits one, two;

	(void)state;
	host.result = -ENOMEM;
	allow(1);
	submit(&one, 1, 60);
	submit(&two, 2, 60);
	assert_result(single_flight_start(sharing), 0);
	wait_for(&one.told, 1);
	wait_for(&two.told, 1);
	assert_told(&one, -ENOMEM, 0);
	assert_told(&two, -ENOMEM, 0);
}

static void who_is_late_is_told_and_the_others_wait_on(void **state)
{
	struct bits patient, hasty, next;

	(void)state;
	assert_result(single_flight_start(sharing), 0);
	submit(&patient, 1, 60);
	wait_for(&host.begun, 1);
	submit(&hasty, 1, 0.01);
	submit(&next, 2, 0.01); /* not even begun */
	wait_for(&hasty.told, 1);
	wait_for(&next.told, 1);
	assert_told(&hasty, -ETIMEDOUT, 0);
	assert_told(&next, -ETIMEDOUT, 0);
	assert_int_equal(patient.told, 0);
	allow(1);
	wait_for(&patient.told, 1);
	assert_told(&patient, 0, 1);
	wait_for(&host.finished, 1);
	assert_int_equal(host.begun, 1);
}

static void work_that_nobody_waits_for_is_given_up(void **state)
{
	struct bits hasty, next;

	(void)state;
	assert_result(single_flight_start(sharing), 0);
	submit(&hasty, 1, 0.01);
	wait_for(&host.finished, 1); /* though it was never allowed to */
	assert_told(&hasty, -ETIMEDOUT, 0);
	allow(2);
	submit(&next, 1, 60);
	wait_for(&next.told, 1);
	assert_told(&next, 0, 1);
}

static void limit_to(double per_second)
{
	const struct shared_work work = {add, covers, run, finish, &host};
	const struct shared_limit limit = {per_second, &refusals};

	single_flight_free(sharing);
	assert_result(single_flight_new(&work, &limit, &sharing), 0);
	assert_result(single_flight_start(sharing), 0);
}

static void what_comes_too_fast_waits_and_shares(void **state)
{
	const struct timespec start = clock_now();
	struct bits fast[2], one, two;

	(void)state;
	limit_to(2);
	allow(100);
	for (size_t i = 0; i < LENGTH(fast); i++) {
		submit(&fast[i], 1, 60);
		wait_for(&fast[i].told, 1);
	}
	assert_int_equal(atomic_load(&refusals.counts[REFUSAL_WALKS]), 0);
	/* The third would come at once; it waits for half a second, and the fourth joins it. */
	submit(&one, 1, 60);
	submit(&two, 2, 60);
	wait_for(&one.told, 1);
	wait_for(&two.told, 1);
	assert_told(&one, 0, 3);
	assert_told(&two, 0, 3);
	assert_true(clock_seconds_since(&start) >= 0.5);
	assert_true(clock_seconds_since(&start) < 10);
	assert_int_equal(atomic_load(&refusals.counts[REFUSAL_WALKS]), 1);
	wait_for(&host.finished, 3);
	assert_int_equal(host.begun, 3);
}

static void submit_prompt(struct bits *bits, unsigned which)
{
	*bits = (struct bits){
	    .shared = {.deadline = clock_in(3600), .prompt = true, .done = done}, .bits = which};
	single_flight_submit(sharing, &bits->shared);
}

static void who_is_prompt_gets_the_last_result(void **state)
{
	struct bits first, slow, prompt, more;

	(void)state;
	limit_to(1);
	allow(100);
	submit(&first, 3, 60);
	wait_for(&first.told, 1);
	/* As if the next turn were far away. */
	atomic_store(&ahead, -1000);
	submit(&slow, 1, 3600);
	submit_prompt(&more, 4);
	submit_prompt(&prompt, 1);
	wait_for(&prompt.told, 1);
	assert_told(&prompt, 0, 3);
	assert_int_equal(slow.told + more.told, 0);
	assert_int_equal(host.begun, 1);
	assert_int_equal(host.finished, 0);
	/* The others share the next work; it is not for the one that was told. */
	atomic_store(&ahead, 0);
	wait_for(&slow.told, 1);
	wait_for(&more.told, 1);
	assert_told(&slow, 0, 5);
	assert_told(&more, 0, 5);
	assert_int_equal(prompt.told, 1);
	assert_int_equal(host.begun, 2);
	assert_int_equal(atomic_load(&refusals.counts[REFUSAL_WALKS]), 1);
	/* When the turn has come, it is kept no longer. */
	wait_for(&host.finished, 2);
}

static void who_is_prompt_gets_work_of_its_own_if_there_may_be_some(void **state)
{
	struct bits first, prompt;

	(void)state;
	limit_to(1000);
	allow(100);
	submit(&first, 3, 60);
	wait_for(&first.told, 1);
	submit_prompt(&prompt, 1);
	wait_for(&prompt.told, 1);
	assert_told(&prompt, 0, 1);
	assert_int_equal(host.begun, 2);
}

static void a_failure_is_not_kept(void **state)
{
	struct bits first, prompt;

	(void)state;
	limit_to(1);
	allow(100);
	host.result = -EIO;
	submit(&first, 3, 60);
	wait_for(&first.told, 1);
	assert_told(&first, -EIO, 0);
	wait_for(&host.finished, 1);
	host.result = 0;
	submit_prompt(&prompt, 1);
	wait_for(&prompt.told, 1);
	assert_told(&prompt, 0, 1);
	assert_int_equal(host.begun, 2);
}

static void stopping_forgets_what_was_kept(void **state)
{
	struct bits first;

	(void)state;
	limit_to(1);
	allow(100);
	submit(&first, 3, 60);
	wait_for(&first.told, 1);
	atomic_store(&ahead, -1000);
	single_flight_stop(sharing);
	assert_int_equal(host.finished, 1);
}

static void who_waits_for_a_turn_is_told_of_the_end(void **state)
{
	struct bits first, second;

	(void)state;
	limit_to(0.001);
	allow(100);
	(void)first;
	submit(&second, 1, 60);
	single_flight_stop(sharing);
	assert_told(&second, -ESHUTDOWN, 0);
}

static void stopping_tells_everyone(void **state)
{
	struct bits running, waiting, after;

	(void)state;
	assert_result(single_flight_start(sharing), 0);
	submit(&running, 1, 60);
	wait_for(&host.begun, 1);
	submit(&waiting, 2, 60);
	single_flight_stop(sharing);
	assert_told(&running, -ESHUTDOWN, 0);
	assert_told(&waiting, -ESHUTDOWN, 0);
	submit(&after, 1, 60);
	assert_told(&after, -ESHUTDOWN, 0);
	assert_int_equal(host.begun, 1);
	assert_int_equal(host.finished, 1);
}

/* The work may have been told of, and not be over yet; the test's own time-out ends the wait. */
static void wait_until_alive(double seconds)
{
	while (!single_flight_is_alive(sharing, seconds)) {
		const struct timespec nap = {.tv_nsec = 1000000};

		nanosleep(&nap, NULL);
	}
}

static void who_does_nothing_is_alive(void **state)
{
	struct bits one;

	(void)state;
	assert_true(single_flight_is_alive(sharing, 0));
	allow(1);
	assert_result(single_flight_start(sharing), 0);
	submit(&one, 1, 60);
	wait_for(&host.finished, 1);
	atomic_store(&ahead, 1000000);
	wait_until_alive(0);
	atomic_store(&ahead, 2000000);
	assert_true(single_flight_is_alive(sharing, 0));
}

static void work_hangs_that_outlasts_every_deadline(void **state)
{
	struct bits hasty, patient;

	(void)state;
	host.mute = true;
	submit(&hasty, 1, 10);
	submit(&patient, 1, 40);
	assert_result(single_flight_start(sharing), 0);
	wait_for(&host.begun, 1);
	assert_true(single_flight_is_alive(sharing, 5));
	atomic_store(&ahead, 39);
	assert_true(single_flight_is_alive(sharing, 5));
	atomic_store(&ahead, 44);
	assert_true(single_flight_is_alive(sharing, 5));
	assert_true(single_flight_is_alive(sharing, 50));
	atomic_store(&ahead, 46);
	assert_false(single_flight_is_alive(sharing, 5));
	assert_true(single_flight_is_alive(sharing, 50));
	/* It may come round. */
	allow(1);
	wait_until_alive(5);
}

static void who_joins_gives_work_more_time(void **state)
{
	struct bits first, joined, other;

	(void)state;
	host.mute = true;
	assert_result(single_flight_start(sharing), 0);
	submit(&first, 3, 10);
	wait_for(&host.begun, 1);
	submit(&joined, 1, 30);
	submit(&other, 4, 55); /* waits for the next work */
	atomic_store(&ahead, 34);
	assert_true(single_flight_is_alive(sharing, 5));
	atomic_store(&ahead, 36);
	assert_false(single_flight_is_alive(sharing, 5));
	allow(2);
	wait_for(&other.told, 1);
}

/* A client that asks every few seconds would else hide that it hangs for ever. */
static void but_no_more_than_anyone_waits(void **state)
{
	struct bits bits[4];

	(void)state;
	host.mute = true;
	assert_result(single_flight_start(sharing), 0);
	submit(&bits[0], 1, 60);
	wait_for(&host.begun, 1);
	for (unsigned i = 1; i < LENGTH(bits); i++) {
		atomic_store(&ahead, 20 * i);
		submit(&bits[i], 1, 60);
	}
	atomic_store(&ahead, 64);
	assert_true(single_flight_is_alive(sharing, 5));
	atomic_store(&ahead, 66);
	assert_false(single_flight_is_alive(sharing, 5));
	allow(1);
	wait_for(&host.finished, 1);
}

/* Slow is not hung, however late it is. */
static void work_that_asks_is_alive(void **state)
{
	struct bits hasty;

	(void)state;
	host.stubborn = true;
	assert_result(single_flight_start(sharing), 0);
	submit(&hasty, 1, 0.01);
	wait_for(&hasty.told, 1);
	for (unsigned i = 0; i < 50; i++) {
		pthread_mutex_lock(&host.lock);

		const unsigned asked = host.asked;

		pthread_mutex_unlock(&host.lock);
		/* The first of the two may have looked at the clock before it went ahead. */
		wait_for(&host.asked, asked + 2);
		assert_true(single_flight_is_alive(sharing, 10));
		atomic_fetch_add(&ahead, 11);
	}
	allow(1);
	wait_for(&host.finished, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(who_asks_for_what_is_being_done_joins),
	    TEST(what_comes_before_the_start_shares_the_first_work),
	    TEST(an_error_is_everyones),
	    TEST(who_is_late_is_told_and_the_others_wait_on),
	    TEST(work_that_nobody_waits_for_is_given_up),
	    TEST(what_comes_too_fast_waits_and_shares),
	    TEST(who_is_prompt_gets_the_last_result),
	    TEST(who_is_prompt_gets_work_of_its_own_if_there_may_be_some),
	    TEST(a_failure_is_not_kept),
	    TEST(stopping_forgets_what_was_kept),
	    TEST(who_waits_for_a_turn_is_told_of_the_end),
	    TEST(stopping_tells_everyone),
	    TEST(who_does_nothing_is_alive),
	    TEST(work_hangs_that_outlasts_every_deadline),
	    TEST(who_joins_gives_work_more_time),
	    TEST(but_no_more_than_anyone_waits),
	    TEST(work_that_asks_is_alive),
	};

	return cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
}
