// SPDX-License-Identifier: Apache-2.0
/* Collectors of a gatherer share the names of cgroups. */
#include "collectors/gather.h"

#include "fake_cgroups.h"
#include "fake_clock.h"
#include "unit.h"

#define FIRST 1u
#define SECOND 2u

struct asker {
	struct cgroups *cgroups;
	const char *path;
};

static struct workspace workspace;
static struct gatherer *gatherer;
static uint64_t shop;

static int init(void *context, const struct collector_config *config)
{
	((struct asker *)context)->cgroups = config->cgroups;
	return 0;
}

static int begin(void *context)
{
	struct asker *asker = context;

	return cgroups_resolve(asker->cgroups, &shop, 1, &asker->path);
}

static const struct collector asker = {
    .name = "asker",
    .needs = NEEDS_SETTINGS,
    .state_size = sizeof(struct asker),
    .init = init,
    .begin = begin,
};

static int set_up(void **state)
{
	static const struct collector *const askers[] = {&asker, &asker};
	const struct source_options source = {.procfs = workspace.path, .kind = SOURCE_PROCFS};
	const struct gatherer_options options = {
	    .collectors = askers,
	    .length = LENGTH(askers),
	    .enabled = FIRST | SECOND,
	    .procfs = workspace.path,
	    .sysfs = workspace.path,
	};

	(void)state;
	now_seconds = 100000;
	is_mounted = true;
	workspace_make(&workspace);
	workspace_write_settings(&workspace, "41000\t41022\n");
	shop = fake_cgroup_make(&workspace, "/shop.service");
	return gatherer_open(&options, &source, &gatherer);
}

static int tear_down(void **state)
{
	(void)state;
	gatherer_free(gatherer);
	workspace_remove(&workspace);
	return 0;
}

static const struct asker *state_of(size_t i)
{
	return gatherer_state(gatherer, i);
}

static void run(collector_set asked)
{
	struct gathering gathering;

	assert_result(gather(gatherer, asked, NULL, NULL, NULL, &gathering), 0);
	assert_result(gathering.outcomes[0].error, 0);
	assert_result(gathering.outcomes[1].error, 0);
}

static void what_one_has_found_the_other_has(void **state)
{
	(void)state;
	run(FIRST | SECOND);
	assert_string_equal(state_of(0)->path, "/shop.service");
	assert_ptr_equal(state_of(0)->path, state_of(1)->path);
	assert_ptr_equal(state_of(0)->cgroups, gatherer_cgroups(gatherer));
}

static void a_name_stays_for_five_minutes_after_any_asked(void **state)
{
	(void)state;
	run(FIRST);
	fake_cgroup_remove(&workspace, "/shop.service");
	now_seconds += 200;
	run(SECOND);
	assert_string_equal(state_of(1)->path, "/shop.service");
	run(0);
	now_seconds += 300;
	run(FIRST);
	assert_string_equal(state_of(0)->path, "/shop.service");
	run(0);
	now_seconds += 301;
	run(FIRST);
	assert_null(state_of(0)->path);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(what_one_has_found_the_other_has),
	    TEST(a_name_stays_for_five_minutes_after_any_asked),
	};

	return cmocka_run_group_tests_name("shared_cgroups", tests, NULL, NULL);
}
