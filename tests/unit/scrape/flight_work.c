// SPDX-License-Identifier: Apache-2.0
#include "flight_work.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/clock.h"
#include "exporter/scrape/single_flight.h"
#include "unit.h"

struct flight_host host;
atomic_long ahead;
struct single_flight *sharing;
struct refusals refusals;

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	const int result = __real_clock_gettime(clock, ret_time);

	ret_time->tv_sec += atomic_load(&ahead);
	return result;
}

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
    void *context, bool (*should_stop)(void *waiters), void *waiters, const void **ret_result)
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
		const bool stop = !host.mute && should_stop(waiters);

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

int set_up(void **state)
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

void allow(unsigned works)
{
	pthread_mutex_lock(&host.lock);
	host.allowed = works;
	pthread_mutex_unlock(&host.lock);
}

int tear_down(void **state)
{
	(void)state;
	/* A test that failed has left work that nothing would end. */
	allow(100);
	single_flight_free(sharing);
	return 0;
}

void submit(struct bits *bits, unsigned which, double seconds)
{
	*bits =
	    (struct bits){.shared = {.deadline = clock_in(seconds), .done = done}, .bits = which};
	single_flight_submit(sharing, &bits->shared);
}

void wait_for(const unsigned *count, unsigned wanted)
{
	pthread_mutex_lock(&host.lock);
	while (*count < wanted)
		pthread_cond_wait(&host.changed, &host.lock);
	pthread_mutex_unlock(&host.lock);
}

void assert_told(const struct bits *bits, int error, unsigned got)
{
	assert_int_equal(bits->told, 1);
	assert_result(bits->error, error);
	assert_int_equal(bits->got, got);
}

void limit_to(double per_second)
{
	const struct shared_work work = {add, covers, run, finish, &host};
	const struct shared_limit limit = {per_second, &refusals};

	single_flight_free(sharing);
	assert_result(single_flight_new(&work, &limit, &sharing), 0);
	assert_result(single_flight_start(sharing), 0);
}

void submit_prompt(struct bits *bits, unsigned which)
{
	*bits = (struct bits){
	    .shared = {.deadline = clock_in(3600), .prompt = true, .done = done}, .bits = which};
	single_flight_submit(sharing, &bits->shared);
}
