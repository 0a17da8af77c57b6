// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/worker.h"

#include "collectors/kernel/clock.h"
#include "unit.h"

struct counter {
	struct worker worker;
	double seconds; /* that each step waits */
	unsigned steps;
	pthread_cond_t stepped;
};

static void count_step(void *context)
{
	struct counter *counter = context;

	counter->steps++;
	pthread_cond_signal(&counter->stepped);
	worker_wait(&counter->worker, counter->seconds);
}

static void start(struct counter *counter, double seconds)
{
	*counter = (struct counter){.seconds = seconds, .stepped = PTHREAD_COND_INITIALIZER};
	worker_init(&counter->worker);
	assert_int_equal(worker_start(&counter->worker, count_step, counter), 0);
}

/* Returns with the lock held. */
static void await_steps(struct counter *counter, unsigned steps)
{
	pthread_mutex_lock(&counter->worker.lock);
	while (counter->steps < steps)
		pthread_cond_wait(&counter->stepped, &counter->worker.lock);
}

static void a_step_comes_after_its_time(void **state)
{
	const struct timespec begun = clock_now();
	struct counter counter;

	(void)state;
	start(&counter, 0.05);
	await_steps(&counter, 3);
	assert_true(clock_seconds_since(&begun) >= 0.1);
	pthread_mutex_unlock(&counter.worker.lock);
	worker_release(&counter.worker);
}

static void a_step_comes_when_woken(void **state)
{
	struct counter counter;

	(void)state;
	start(&counter, 0);
	for (unsigned i = 1; i < 100; i++) {
		await_steps(&counter, i);
		worker_wake(&counter.worker);
		pthread_mutex_unlock(&counter.worker.lock);
	}
	worker_release(&counter.worker);
}

static void no_step_begins_after_the_end(void **state)
{
	struct counter counter;

	(void)state;
	start(&counter, 3600);
	await_steps(&counter, 1);

	const unsigned steps = counter.steps;

	worker_end(&counter.worker);
	pthread_mutex_unlock(&counter.worker.lock);
	worker_join(&counter.worker);
	assert_int_equal(counter.steps, steps);
	worker_join(&counter.worker); /* nothing is left to wait for */
	worker_release(&counter.worker);
}

static void what_never_began_ends(void **state)
{
	struct worker worker;

	(void)state;
	worker_init(&worker);
	worker_release(&worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_step_comes_after_its_time),
	    cmocka_unit_test(a_step_comes_when_woken),
	    cmocka_unit_test(no_step_begins_after_the_end),
	    cmocka_unit_test(what_never_began_ends),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
