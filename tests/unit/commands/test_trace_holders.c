// SPDX-License-Identifier: Apache-2.0
/* How often holders are looked up, with looks that take as long as is said. */
#include "exporter/commands/trace_holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "fake_clock.h"
#include "unit.h"

#define PORT 46580

static double look_seconds;
static unsigned looks;
static unsigned ports_asked; /* by the last look */
static int look_result;
static bool is_held;
static bool bound_unseen;
static struct holder_finder *finder;

static void answer(struct port_answer *ret_answer, uint16_t port)
{
	*ret_answer = (struct port_answer){.port = port};
	ret_answer->local.list = calloc(1, sizeof(*ret_answer->local.list));
	assert_non_null(ret_answer->local.list);
	ret_answer->local.list[0].socket =
	    make_socket(SOCKET_LISTEN, "127.0.0.1", port, "0.0.0.0", 0);
	ret_answer->local.length = ret_answer->local.total = 1;
}

int __wrap_port_lookup_run(const struct port_lookup_options *options, const struct portset *ports,
    struct port_lookup **ret_lookup);

int __wrap_port_lookup_run(const struct port_lookup_options *options, const struct portset *ports,
    struct port_lookup **ret_lookup)
{
	struct port_lookup *lookup;

	assert_true(options->local_only);
	assert_null(options->source->buckets);
	looks++;
	ports_asked = portset_count(ports);
	now_seconds += look_seconds;
	if (look_result < 0)
		return look_result;
	lookup = calloc(1, sizeof(*lookup));
	assert_non_null(lookup);
	lookup->bound_unseen = bound_unseen;
	if (is_held) {
		lookup->answers = calloc(ports_asked, sizeof(*lookup->answers));
		assert_non_null(lookup->answers);
		for (unsigned port = 1; port < PORTS; port++)
			if (portset_has(ports, (uint16_t)port))
				answer(&lookup->answers[lookup->length++], (uint16_t)port);
	}
	*ret_lookup = lookup;
	return 0;
}

static int set_up(void **state)
{
	static const struct source_options source = {
	    .procfs = "/proc", .buckets = (struct bind_buckets *)&now_seconds};

	(void)state;
	now_seconds = 1000;
	look_seconds = 0.01;
	looks = ports_asked = 0;
	look_result = 0;
	is_held = true;
	bound_unseen = false;
	finder = holder_finder_new(&source, "/sys", true);
	assert_non_null(finder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	holder_finder_free(finder);
	return 0;
}

static struct socket asked_for(uint16_t port)
{
	return make_socket(SOCKET_CLOSE, "127.0.0.1", port, "0.0.0.0", 0);
}

/* For a call that is refused now. */
static struct holder find(uint16_t port)
{
	const struct socket asked = asked_for(port);

	return holder_finder_find(finder, &asked, (uint64_t)(now_seconds * 1e9));
}

static void a_program_that_tries_again_and_again_costs_a_look_a_second(void **state)
{
	struct holder holder;

	(void)state;
	for (int i = 0; i < 10000; i++, now_seconds += 0.001) {
		holder = find(PORT);
		assert_int_equal(holder.search, HOLDER_FOUND);
		assert_int_equal(holder.socket->socket.local_port, PORT);
		assert_non_null(holder.json);
	}
	assert_in_range(looks, 10, 11);
}

static void ports_share_a_look_and_are_not_more_than_it_can_take(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 40; i++)
		assert_int_equal(find(PORT + i).search, HOLDER_FOUND);
	assert_int_equal(looks, 40);
	now_seconds += 2;
	for (uint16_t i = 0; i < 40; i++)
		assert_int_equal(find(PORT + i).search, HOLDER_FOUND);
	assert_int_equal(looks, 41);
	look_seconds = 0;
	for (uint16_t i = 40; i < 1000; i++) {
		assert_int_equal(find(PORT + i).search, HOLDER_FOUND);
		assert_in_range(ports_asked, 1, 64);
	}
}

static void looks_take_a_tenth_of_the_time_and_what_is_left_out_is_said(void **state)
{
	unsigned skipped = 0;

	(void)state;
	for (uint16_t i = 0; now_seconds < 1100; i++, now_seconds += 0.001)
		if (find(1 + i % 60000).search == HOLDER_SKIPPED)
			skipped++;
	assert_in_range(looks, 950, 1080);
	assert_true(skipped > 80000);
}

static void an_old_answer_is_given_with_its_time(void **state)
{
	struct holder holder;

	(void)state;
	look_seconds = 20;
	holder = find(PORT);
	assert_int_equal(holder.time.tv_sec, 1000);
	now_seconds += 100;
	holder = find(PORT);
	assert_int_equal(holder.search, HOLDER_FOUND);
	assert_int_equal(holder.time.tv_sec, 1000);
	assert_int_equal(find(PORT + 1).search, HOLDER_SKIPPED);
	assert_int_equal(looks, 1);
	now_seconds += 100;
	holder = find(PORT);
	assert_int_equal(holder.time.tv_sec, 1220);
	assert_int_equal(looks, 2);
}

static void who_is_not_there_is_gone_or_not_listed(void **state)
{
	struct socket asked = asked_for(PORT);
	struct holder holder;

	(void)state;
	is_held = false;
	holder = holder_finder_find(finder, &asked, 999000000000u);
	assert_int_equal(holder.search, HOLDER_GONE);
	assert_null(holder.socket);
	/* The next call met one: it came after the look. */
	is_held = true;
	now_seconds += 0.1;
	assert_int_equal(find(PORT).search, HOLDER_FOUND);
	assert_int_equal(looks, 2);
	now_seconds += 2;
	is_held = false;
	bound_unseen = true;
	assert_int_equal(find(PORT).search, HOLDER_UNLISTED);
	/* UDP sockets are listed by every kernel. */
	asked.protocol = SOCKET_UDP;
	assert_int_equal(holder_finder_find(finder, &asked, 0).search, HOLDER_GONE);
	assert_int_equal(looks, 3);
}

static void a_look_that_fails_is_said_to(void **state)
{
	(void)state;
	look_result = -EPERM;
	assert_int_equal(find(PORT).search, HOLDER_FAILED);
	assert_int_equal(find(PORT).search, HOLDER_FAILED);
	assert_int_equal(looks, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_program_that_tries_again_and_again_costs_a_look_a_second, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		ports_share_a_look_and_are_not_more_than_it_can_take, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		looks_take_a_tenth_of_the_time_and_what_is_left_out_is_said, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		an_old_answer_is_given_with_its_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		who_is_not_there_is_gone_or_not_listed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_look_that_fails_is_said_to, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("trace_holders", tests, NULL, NULL);
}
