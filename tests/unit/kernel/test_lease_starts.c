// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/lease_starts.h"

#include <string.h>
#include <time.h>

#include "collectors/bpf/exhaustion.h"
#include "unit.h"
#include "workspace.h"

#define ORDER 3u
#define BESIDE_5 12u /* has the same bucket as 5 */

static struct leases table[1u << ORDER];
static struct lease_starts starts;

static int set_up(void **state)
{
	(void)state;
	memset(table, 0, sizeof(table));
	starts = (struct lease_starts){.table = table, .order = ORDER};
	return 0;
}

static void put(uint64_t cookie, unsigned at, uint64_t start)
{
	struct leases *beside = &table[leases_place(cookie, ORDER)];

	beside->cookies[at] = cookie;
	beside->starts[at] = start;
}

static void a_cookie_has_its_own_start(void **state)
{
	uint64_t start = 0;

	(void)state;
	put(5, 0, 1000);
	put(BESIDE_5, 1, 2000);
	put(6, LEASES_BESIDE - 1, 3000);
	assert_int_equal(leases_place(BESIDE_5, ORDER), leases_place(5, ORDER));
	assert_true(lease_starts_find(&starts, 5, &start));
	assert_int_equal(start, 1000);
	assert_true(lease_starts_find(&starts, BESIDE_5, &start));
	assert_int_equal(start, 2000);
	assert_true(lease_starts_find(&starts, 6, &start));
	assert_int_equal(start, 3000);
}

static void others_of_the_bucket_do_not_answer_for_it(void **state)
{
	uint64_t start = 7;

	(void)state;
	table[leases_place(5, ORDER)] = (struct leases){
	    .cookies = {BESIDE_5, LEASE_CLAIMED, 5 + (1ull << 32)}, .starts = {1, 2, 3}};
	assert_false(lease_starts_find(&starts, 5, &start));
	assert_int_equal(start, 7);
}

static void no_cookie_and_a_place_that_is_written_have_none(void **state)
{
	uint64_t start;

	(void)state;
	for (unsigned i = 0; i < LENGTH(table); i++)
		for (unsigned j = 0; j < LEASES_BESIDE; j++)
			table[i].cookies[j] = j % 2 ? LEASE_CLAIMED : 0;
	assert_false(lease_starts_find(&starts, 0, &start));
	assert_false(lease_starts_find(&starts, LEASE_CLAIMED, &start));
	starts.table = NULL;
	assert_false(lease_starts_find(&starts, 5, &start));
}

static void of_two_the_later_one_counts(void **state)
{
	uint64_t start;

	(void)state;
	put(9, 2, 2000);
	put(9, 4, 5000);
	put(9, 6, 1000);
	assert_true(lease_starts_find(&starts, 9, &start));
	assert_int_equal(start, 5000);
}

static void the_clock_is_the_kernels(void **state)
{
	struct workspace workspace;
	struct timespec now;

	(void)state;
	workspace_make(&workspace);
	assert_int_equal(lease_starts_ahead(workspace.path), 0);
	workspace_write(&workspace, "self/timens_offsets", "monotonic           0         0\n");
	assert_int_equal(lease_starts_ahead(workspace.path), 0);
	workspace_write(&workspace, "self/timens_offsets",
	    "monotonic      -86400         5\nboottime           7         0\n");
	assert_int_equal(lease_starts_ahead(workspace.path), -86399999999995ll);
	workspace_write(&workspace, "self/timens_offsets", "boottime 7 0\nmonotonic x\n");
	assert_int_equal(lease_starts_ahead(workspace.path), 0);
	workspace_remove(&workspace);

	starts.ahead_ns = -86400000000000ll;
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_in_range(
	    lease_starts_now(&starts) / 1000000000u, now.tv_sec + 86400, now.tv_sec + 86400 + 600);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_cookie_has_its_own_start),
	    TEST(others_of_the_bucket_do_not_answer_for_it),
	    TEST(no_cookie_and_a_place_that_is_written_have_none),
	    TEST(of_two_the_later_one_counts),
	    TEST(the_clock_is_the_kernels),
	};

	return cmocka_run_group_tests_name("lease_starts", tests, NULL, NULL);
}
