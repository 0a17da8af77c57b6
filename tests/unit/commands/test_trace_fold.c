// SPDX-License-Identifier: Apache-2.0
/* Calls that are alike are counted, and none is lost. */
#include "exporter/commands/trace_fold.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

#define SECOND UINT64_C(1000000000)

static struct trace_folds folds;
static unsigned long printed; /* lines with a count */
static unsigned long counted; /* their sum */
static bool had_pids;
static int error;

static int set_up(void **state)
{
	(void)state;
	memset(&folds, 0, sizeof(folds));
	printed = counted = 0;
	had_pids = false;
	error = 0;
	return 0;
}

static int print(void *context, const struct trace_fold *fold)
{
	assert_ptr_equal(context, &folds);
	assert_true(fold->count > 0);
	printed++;
	counted += fold->count;
	had_pids = fold->has_pids;
	return error;
}

static struct exhausted_event event_at(uint64_t time_ns)
{
	return (struct exhausted_event){
	    .time_ns = time_ns,
	    .call = EXHAUSTED_CONNECT,
	    .local = {10, 0, 0, 1},
	    .remote = {10, 0, 0, 2},
	    .remote_port = 443,
	    .pid = 26208,
	    .comm = "curl",
	    .cgroup_id = 7,
	};
}

static int add(const struct exhausted_event *event)
{
	return trace_folds_add(&folds, event, print, &folds);
}

static int look(uint64_t now_ns)
{
	return trace_folds_print(&folds, now_ns, print, &folds);
}

static void the_first_is_printed_and_the_rest_counted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1335; i++) {
		const struct exhausted_event event = event_at(SECOND + i);

		assert_int_equal(add(&event), i > 0);
	}
	assert_int_equal(look(SECOND + TRACE_FOLD_SECONDS * SECOND - 1), 0);
	assert_int_equal(printed, 0);
	assert_int_equal(look(SECOND + TRACE_FOLD_SECONDS * SECOND), 0);
	assert_int_equal(printed, 1);
	assert_int_equal(counted, 1334);
	assert_false(had_pids);
	/* Nothing came since: it is forgotten, and the next one is printed. */
	assert_int_equal(look(SECOND + 2 * TRACE_FOLD_SECONDS * SECOND), 0);
	assert_int_equal(printed, 1);

	const struct exhausted_event again = event_at(30 * SECOND);

	assert_int_equal(add(&again), 0);
}

static void what_differs_is_printed(void **state)
{
	const struct exhausted_event first = event_at(SECOND);
	struct exhausted_event other[10];

	(void)state;
	for (size_t i = 0; i < LENGTH(other); i++)
		other[i] = first;
	other[0].call = EXHAUSTED_BIND_TCP;
	other[1].refused_port = 8080;
	other[2].family = 1;
	other[3].remote_port = 80;
	other[4].interface = 2;
	other[5].cgroup_id = 8;
	other[6].namespace_id = 2;
	other[7].local[3] = 9;
	other[8].remote[3] = 9;
	other[9].comm[15] = 'x';
	assert_int_equal(add(&first), 0);
	for (size_t i = 0; i < LENGTH(other); i++)
		assert_int_equal(add(&other[i]), 0);
	assert_int_equal(add(&first), 1);
}

static void processes_that_come_and_go_are_alike(void **state)
{
	struct exhausted_event event = event_at(SECOND);

	(void)state;
	assert_int_equal(add(&event), 0);
	event.pid++;
	assert_int_equal(add(&event), 1);
	assert_int_equal(look(UINT64_MAX), 0);
	assert_int_equal(counted, 1);
	assert_true(had_pids);
}

static struct snat_lost_event packet_at(uint64_t time_ns)
{
	return (struct snat_lost_event){
	    .time_ns = time_ns,
	    .to = {.source = {10, 0, 0, 1}, .destination = {10, 0, 0, 2}, .port = 443},
	    .client = {10, 0, 0, 3},
	    .client_port = 33001,
	};
}

static int add_lost(const struct snat_lost_event *event)
{
	return trace_folds_add_lost(&folds, event, print, &folds);
}

static void packets_are_counted_apart_from_calls(void **state)
{
	const struct exhausted_event call = event_at(SECOND);
	const struct snat_lost_event first = packet_at(SECOND);
	struct snat_lost_event other[6];

	(void)state;
	for (size_t i = 0; i < LENGTH(other); i++)
		other[i] = first;
	other[0].to.source[3] = 9;
	other[1].to.destination[3] = 9;
	other[2].to.port = 80;
	other[3].to.protocol = 17;
	other[4].client[3] = 9;
	other[5].namespace_id = 2;
	assert_int_equal(add(&call), 0);
	assert_int_equal(add_lost(&first), 0);
	for (size_t i = 0; i < LENGTH(other); i++)
		assert_int_equal(add_lost(&other[i]), 0);
	other[0] = first;
	other[0].client_port++;
	assert_int_equal(add_lost(&other[0]), 1);
	assert_int_equal(add(&call), 1);
	assert_int_equal(look(SECOND + TRACE_FOLD_SECONDS * SECOND), 0);
	assert_int_equal(printed, 2);
	assert_int_equal(counted, 2);
}

/* However many kinds there are, each call is printed or in a count. */
static void none_is_lost_where_there_are_too_many_kinds(void **state)
{
	unsigned long alone = 0;
	unsigned long calls = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct exhausted_event event = event_at(SECOND + i);

		/* Runs of three of a kind, of 97 kinds. */
		event.remote_port = (uint16_t)(1 + i / 3 % 97);
		alone += add(&event) == 0;
		calls++;
		assert_true(folds.length <= TRACE_FOLDS_MAX);
	}
	assert_int_equal(look(UINT64_MAX), 0);
	assert_int_equal(alone + counted, calls);
	assert_true(counted >= calls / 2);
}

static void a_failure_to_print_is_returned(void **state)
{
	struct exhausted_event event = event_at(SECOND);

	(void)state;
	assert_int_equal(add(&event), 0);
	assert_int_equal(add(&event), 1);
	error = -EPIPE;
	assert_int_equal(look(UINT64_MAX), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(the_first_is_printed_and_the_rest_counted, set_up),
	    cmocka_unit_test_setup(what_differs_is_printed, set_up),
	    cmocka_unit_test_setup(processes_that_come_and_go_are_alike, set_up),
	    cmocka_unit_test_setup(packets_are_counted_apart_from_calls, set_up),
	    cmocka_unit_test_setup(none_is_lost_where_there_are_too_many_kinds, set_up),
	    cmocka_unit_test_setup(a_failure_to_print_is_returned, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
