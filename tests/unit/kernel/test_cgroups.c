// SPDX-License-Identifier: Apache-2.0
/* How long names of cgroups are remembered, with a tree and a clock of the test's own. */
#include "collectors/kernel/cgroups.h"

#include <errno.h>
#include <stdlib.h>

#include "fake_cgroups.h"
#include "fake_clock.h"
#include "unit.h"

/* An id that no directory has. */
#define GONE UINT64_C(0x7fffffff00000000)
#define KNOWN_MAX 200000u /* as cgroups.h says */

static struct workspace workspace;
static struct cgroups *cgroups;
static uint64_t shop, bank;

static int set_up(void **state)
{
	(void)state;
	now_seconds = 100000;
	is_mounted = true;
	workspace_make(&workspace);
	shop = fake_cgroup_make(&workspace, "/system.slice/shop.service");
	bank = fake_cgroup_make(&workspace, "/system.slice/bank.service");
	cgroups = cgroups_new(workspace.path);
	return cgroups ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	cgroups_free(cgroups);
	workspace_remove(&workspace);
	return 0;
}

static const char *path_of(uint64_t id)
{
	const char *path = "unset";

	assert_result(cgroups_resolve(cgroups, &id, 1, &path), 0);
	return path;
}

static void a_path_outlives_the_calls_that_follow(void **state)
{
	const uint64_t both[] = {bank, shop};
	const char *paths[2];
	const char *path = path_of(shop);

	(void)state;
	assert_string_equal(path, "/system.slice/shop.service");
	assert_string_equal(path_of(bank), "/system.slice/bank.service");
	for (uint64_t i = 0; i < 1000; i++)
		assert_null(path_of(GONE + i));
	assert_result(cgroups_resolve(cgroups, both, 2, paths), 0);
	assert_string_equal(paths[0], "/system.slice/bank.service");
	assert_ptr_equal(paths[1], path);
}

static void only_what_is_new_takes_a_read(void **state)
{
	const uint64_t ids[] = {GONE, shop, bank, 1};
	const char *paths[4];
	unsigned read = directories_read;

	(void)state;
	assert_result(cgroups_resolve(cgroups, ids, 4, paths), 0);
	assert_null(paths[0]);
	assert_string_equal(paths[3], "/");
	/* The root, the slice and the two services. */
	assert_int_equal(directories_read - read, 4);
	assert_result(cgroups_resolve(cgroups, ids, 4, paths), 0);
	cgroups_forget_old(cgroups);
	/* Nor is one that was not found looked for again. */
	assert_result(cgroups_resolve(cgroups, ids, 4, paths), 0);
	assert_result(cgroups_resolve(cgroups, ids, 0, paths), 0);
	assert_int_equal(directories_read - read, 4);
}

static void a_name_stays_for_five_minutes(void **state)
{
	(void)state;
	path_of(shop);
	path_of(bank);
	fake_cgroup_remove(&workspace, "/system.slice/shop.service");
	fake_cgroup_remove(&workspace, "/system.slice/bank.service");
	cgroups_forget_old(cgroups);
	now_seconds += 200;
	assert_non_null(path_of(bank));
	cgroups_forget_old(cgroups);
	now_seconds += 100;
	cgroups_forget_old(cgroups);
	now_seconds += 1;
	cgroups_forget_old(cgroups);
	assert_null(path_of(shop));
	assert_string_equal(path_of(bank), "/system.slice/bank.service");
}

/* Or a scrape every ten minutes would lose all names. */
static void what_the_last_look_asked_for_stays(void **state)
{
	(void)state;
	path_of(shop);
	fake_cgroup_remove(&workspace, "/system.slice/shop.service");
	for (int i = 0; i < 3; i++) {
		now_seconds += 600;
		cgroups_forget_old(cgroups);
		assert_string_equal(path_of(shop), "/system.slice/shop.service");
	}
	now_seconds += 600;
	cgroups_forget_old(cgroups);
	cgroups_forget_old(cgroups);
	assert_null(path_of(shop));
}

static void a_hierarchy_may_be_mounted_later(void **state)
{
	(void)state;
	is_mounted = false;
	assert_result(cgroups_find_hierarchy(cgroups), -EOPNOTSUPP);
	assert_null(path_of(shop));
	is_mounted = true;
	assert_string_equal(path_of(shop), "/system.slice/shop.service");
	assert_result(cgroups_find_hierarchy(cgroups), 0);
	cgroups_free(cgroups);
	cgroups = cgroups_new("/nonexistent");
	assert_non_null(cgroups);
	assert_result(cgroups_find_hierarchy(cgroups), -EOPNOTSUPP);
}

static void no_more_than_so_many_are_remembered(void **state)
{
	uint64_t *ids = calloc(KNOWN_MAX, sizeof(*ids));
	const char **paths = calloc(KNOWN_MAX, sizeof(*paths));
	unsigned read;

	(void)state;
	assert_true(ids && paths);
	ids[0] = shop;
	for (uint64_t i = 1; i < KNOWN_MAX; i++)
		ids[i] = GONE + i;
	assert_result(cgroups_resolve(cgroups, ids, KNOWN_MAX, paths), 0);
	/* All may be in use. */
	assert_null(path_of(bank));
	assert_string_equal(paths[0], "/system.slice/shop.service");
	cgroups_forget_old(cgroups);
	assert_ptr_equal(path_of(shop), paths[0]);
	assert_string_equal(path_of(bank), "/system.slice/bank.service");
	assert_string_equal(paths[0], "/system.slice/shop.service");
	/* One went to make room, and no more. */
	read = directories_read;
	path_of(GONE + 2);
	path_of(GONE + KNOWN_MAX - 1);
	assert_int_equal(directories_read, read);
	path_of(GONE + 1);
	assert_true(directories_read > read);
	free(ids);
	free(paths);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(a_path_outlives_the_calls_that_follow),
	    TEST(only_what_is_new_takes_a_read),
	    TEST(a_name_stays_for_five_minutes),
	    TEST(what_the_last_look_asked_for_stays),
	    TEST(a_hierarchy_may_be_mounted_later),
	    TEST(no_more_than_so_many_are_remembered),
	};

	return cmocka_run_group_tests_name("cgroups", tests, NULL, NULL);
}
