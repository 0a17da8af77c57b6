// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/failure_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/clock.h"
#include "unit.h"

/* Longer than a busy machine takes, shorter than a test may. */
#define PATIENCE_SECONDS 60

/* The kernel's side: calls that it counted, and events that nobody has taken. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct exhaustion_shared counts;
static unsigned events;
static unsigned looks;
static int (*take)(void *context, const struct exhausted_event *event);
static void *taker;

static struct exhaustion_probe probe = {.shared = &counts};
static struct failure_watch *watch;

int __wrap_exhaustion_events_open(struct exhaustion_probe *of,
    int (*each)(void *context, const struct exhausted_event *event), void *context,
    struct exhaustion_events **ret_events);
int __wrap_exhaustion_events_wait(struct exhaustion_events *of, int timeout_ms);
void __wrap_exhaustion_events_close(struct exhaustion_events *of);

int __wrap_exhaustion_events_open(struct exhaustion_probe *of,
    int (*each)(void *context, const struct exhausted_event *event), void *context,
    struct exhaustion_events **ret_events)
{
	(void)of;
	take = each;
	taker = context;
	*ret_events = NULL;
	return 0;
}

int __wrap_exhaustion_events_wait(struct exhaustion_events *of, int timeout_ms)
{
	static const struct exhausted_event event = {.call = EXHAUSTED_CONNECT, .remote_port = 443};
	int result = 0;

	(void)of;
	assert_int_equal(timeout_ms, 0);
	pthread_mutex_lock(&lock);
	looks++;
	for (; events > 0 && result == 0; events--)
		result = take(taker, &event);
	pthread_mutex_unlock(&lock);
	return result;
}

void __wrap_exhaustion_events_close(struct exhaustion_events *of)
{
	(void)of;
}

/* told: by an event. */
static void fail_calls(unsigned calls, unsigned told)
{
	pthread_mutex_lock(&lock);
	__atomic_fetch_add(&counts.failures[EXHAUSTED_CONNECT][0], calls, __ATOMIC_RELAXED);
	events += told;
	pthread_mutex_unlock(&lock);
}

static unsigned count_looks(void)
{
	pthread_mutex_lock(&lock);

	const unsigned count = looks;

	pthread_mutex_unlock(&lock);
	return count;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* A client, and what it got. */
struct waiter {
	struct failure_request request; /* must be first */
	atomic_bool gone;
	atomic_bool done;
	int error;
	uint64_t last; /* of the log, when it was told */
	char text[4096];
};

static void on_done(struct shared_request *request, int error, const void *result)
{
	struct waiter *waiter = (struct waiter *)request;
	const struct failure_news *news = result;
	struct text text = {0};

	waiter->error = error;
	if (error == 0) {
		failure_log_write(news->log, news->after, &text);
		text_add_char(&text, '\0');
		snprintf(waiter->text, sizeof(waiter->text), "%s", text.data);
		waiter->last = failure_log_last(news->log);
		free(text.data);
	}
	atomic_store(&waiter->done, true);
}

static bool is_gone(const struct failure_request *request)
{
	return atomic_load(&((const struct waiter *)request)->gone);
}

static void submit(struct waiter *waiter, double seconds)
{
	atomic_store(&waiter->done, false);
	waiter->request.shared.deadline = clock_in(seconds);
	waiter->request.shared.done = on_done;
	waiter->request.is_gone = is_gone;
	failure_watch_submit(watch, &waiter->request);
}

static void await(struct waiter *waiter)
{
	const struct timespec start = clock_now();

	while (!atomic_load(&waiter->done)) {
		assert_true(clock_seconds_since(&start) < PATIENCE_SECONDS);
		pause_ms(5);
	}
}

/* Asks with the id of what it got last. */
static void go_on(struct waiter *waiter, double seconds)
{
	char id[64];
	const char *at = waiter->text;

	for (const char *i = at; (i = strstr(i, "id: ")); i++)
		at = i + strlen("id: ");
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(at, "\n"), at);
	waiter->request.has_id = true;
	assert_true(failure_id_read(id, &waiter->request.id));
	submit(waiter, seconds);
	await(waiter);
}

/* All calls of its events. */
static unsigned long calls_of(const struct waiter *waiter)
{
	static const char key[] = "\"calls\":";
	unsigned long calls = 0;

	for (const char *i = waiter->text; (i = strstr(i, key)); i++)
		calls += strtoul(i + strlen(key), NULL, 10);
	return calls;
}

static int set_up(void **state)
{
	(void)state;
	memset(&counts, 0, sizeof(counts));
	events = looks = 0;
	if (failure_watch_new(&probe, "/nonexistent", NULL, &watch) < 0)
		return -1;
	return failure_watch_start(watch);
}

static int tear_down(void **state)
{
	(void)state;
	failure_watch_free(watch);
	return 0;
}

static void nobody_looks_while_nobody_waits(void **state)
{
	struct waiter waiter = {.gone = false};

	(void)state;
	pause_ms(1200);
	assert_int_equal(count_looks(), 0);
	submit(&waiter, 0);
	await(&waiter);
	assert_int_equal(waiter.error, 0);
	assert_non_null(strstr(waiter.text, ": no call failed"));
	/* For its next request. */
	const unsigned before = count_looks();

	pause_ms(1200);
	assert_true(count_looks() > before);
}

static void what_was_before_is_nobodys_news(void **state)
{
	struct waiter waiter = {.gone = false};

	(void)state;
	fail_calls(20, 10);
	submit(&waiter, 0);
	await(&waiter);
	fail_calls(3, 3);
	go_on(&waiter, PATIENCE_SECONDS);
	assert_int_equal(calls_of(&waiter), 3);
	go_on(&waiter, 1.5);
	assert_int_equal(calls_of(&waiter), 0);
}

static void all_who_wait_are_told(void **state)
{
	struct waiter waiters[3] = {{.gone = false}};

	(void)state;
	for (size_t i = 0; i < LENGTH(waiters); i++)
		submit(&waiters[i], PATIENCE_SECONDS);
	pause_ms(700);
	fail_calls(13, 13);
	for (size_t i = 0; i < LENGTH(waiters); i++) {
		await(&waiters[i]);
		assert_int_equal(calls_of(&waiters[i]), 13);
		assert_non_null(strstr(waiters[i].text, "\"destination_port\":443"));
	}
}

static void what_no_event_told_is_told_as_a_number(void **state)
{
	struct waiter waiter = {.gone = false};
	unsigned long calls = 0;

	(void)state;
	submit(&waiter, 0);
	await(&waiter);
	fail_calls(1000, 7);
	while (calls < 1000) {
		go_on(&waiter, PATIENCE_SECONDS);
		calls += calls_of(&waiter);
	}
	assert_int_equal(calls, 1000);
	fail_calls(2, 2);
	go_on(&waiter, PATIENCE_SECONDS);
	assert_int_equal(calls_of(&waiter), 2);
	/* Nor again, some looks later. */
	go_on(&waiter, 2);
	assert_int_equal(calls_of(&waiter), 0);
}

/* The kernel counts a call before it tells of it. */
static void an_event_that_comes_later_is_not_missing(void **state)
{
	struct waiter waiter = {.gone = false};

	(void)state;
	submit(&waiter, 0);
	await(&waiter);
	for (unsigned i = 0; i < 3; i++) {
		const unsigned before = count_looks();

		fail_calls(1, 0);
		while (count_looks() == before)
			pause_ms(1);
		fail_calls(0, 1);
		go_on(&waiter, PATIENCE_SECONDS);
		assert_int_equal(calls_of(&waiter), 1);
		assert_non_null(strstr(waiter.text, "\"call\":"));
	}
}

static void who_is_gone_does_not_wait(void **state)
{
	struct waiter waiter = {.gone = true};

	(void)state;
	submit(&waiter, 10.0 * PATIENCE_SECONDS);
	await(&waiter);
	assert_int_equal(calls_of(&waiter), 0);
}

static void the_end_tells_all(void **state)
{
	struct waiter waiters[2] = {{.gone = false}};
	struct waiter late = {.gone = false};

	(void)state;
	for (size_t i = 0; i < LENGTH(waiters); i++)
		submit(&waiters[i], 10.0 * PATIENCE_SECONDS);
	failure_watch_stop(watch);
	for (size_t i = 0; i < LENGTH(waiters); i++) {
		assert_true(atomic_load(&waiters[i].done));
		assert_int_equal(waiters[i].error, 0);
		assert_non_null(strstr(waiters[i].text, ": no call failed"));
	}
	submit(&late, PATIENCE_SECONDS);
	assert_true(atomic_load(&late.done));
	assert_int_equal(late.error, -ESHUTDOWN);
}

static void it_is_alive(void **state)
{
	struct waiter waiter = {.gone = false};

	(void)state;
	assert_true(failure_watch_is_alive(watch, 0));
	submit(&waiter, PATIENCE_SECONDS);
	assert_true(failure_watch_is_alive(watch, PATIENCE_SECONDS));
	/* Nobody can look all the time. */
	assert_false(failure_watch_is_alive(watch, -1));
	atomic_store(&waiter.gone, true);
	await(&waiter);
}

int main(void)
{
#define WATCH_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WATCH_TEST(nobody_looks_while_nobody_waits),
	    WATCH_TEST(what_was_before_is_nobodys_news),
	    WATCH_TEST(all_who_wait_are_told),
	    WATCH_TEST(what_no_event_told_is_told_as_a_number),
	    WATCH_TEST(an_event_that_comes_later_is_not_missing),
	    WATCH_TEST(who_is_gone_does_not_wait),
	    WATCH_TEST(the_end_tells_all),
	    WATCH_TEST(it_is_alive),
	};

	return cmocka_run_group_tests_name("failure_watch", tests, NULL, NULL);
}
