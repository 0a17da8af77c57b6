// SPDX-License-Identifier: Apache-2.0
/* What a collector keeps of each network namespace from one gathering to the next. */
#include "collectors/namespaces.h"

#include <errno.h>
#include <stdlib.h>

#include "netns_host.h"
#include "unit.h"

#define ASKED "port_exhaustion_errors_total"

/* One of those that are shown. */
static const struct metric_family asked = {
    .name = "ephemera_" ASKED,
    .type = METRIC_COUNTER,
};
static const struct metric_family *const families[] = {&asked, NULL};

struct memory {
	uint32_t id;
	unsigned times;
};

static size_t living;
static int error;

/* How often it was asked for the namespace. */
static int emit_elsewhere(const void *state, uint32_t id, void **kept, struct metric_set *set)
{
	struct memory *memory = *kept;

	(void)state;
	if (!memory) {
		memory = calloc(1, sizeof(*memory));
		assert_non_null(memory);
		memory->id = id;
		living++;
		*kept = memory;
	}
	assert_int_equal(memory->id, id);
	metric_add(set, &asked, ++memory->times, METRIC_NO_LABELS);
	return error;
}

static void release_elsewhere(void *kept)
{
	if (kept)
		living--;
	free(kept);
}

static const struct collector keeper = {
    .name = "keeper",
    .families = families,
    .state_size = 1,
    .emit_elsewhere = emit_elsewhere,
    .release_elsewhere = release_elsewhere,
};

static int set_up_keeper(void **state)
{
	one_more = &keeper;
	living = 0;
	error = 0;
	return set_up(state);
}

static int tear_down_all(void **state)
{
	const int result = tear_down(state);

	return living == 0 ? result : -1;
}

static void each_namespace_has_its_own_as_long_as_it_lives(void **state)
{
	(void)state;
	put(7, 70, 0);
	gather_all();
	put(8, 80, 0);
	gather_all();
	assert_number(sample(ASKED, "70"), 2);
	assert_number(sample(ASKED, "80"), 1);
	assert_int_equal(living, 2);
	drop(7);
	gather_all();
	assert_int_equal(living, 1);
	/* The next one has the number of its inode, and nothing else. */
	put(9, 70, 0);
	gather_all();
	assert_number(sample(ASKED, "70"), 1);
	assert_number(sample(ASKED, "80"), 3);
}

static void one_that_is_not_shown_for_a_while_keeps_it(void **state)
{
	struct fake_netns *first;
	struct fake_netns *second;

	(void)state;
	options.limit = 1;
	first = put(7, 70, 0);
	second = put(8, 80, 0);
	first->ports = 50;
	gather_all();
	assert_number(sample(ASKED, "70"), 1);
	first->ports = 0;
	second->ports = 50;
	gather_all();
	gather_all();
	assert_number(sample(ASKED, "70"), -1);
	assert_number(sample(ASKED, "80"), 1);
	first->ports = 90;
	gather_all();
	gather_all();
	assert_number(sample(ASKED, "70"), 3);
}

static void an_error_there_fails_the_collector(void **state)
{
	(void)state;
	put(7, 70, 0);
	put(8, 80, 0);
	error = -ENOMEM;
	gather_all();
	assert_int_equal(gathering.outcomes[4].error, -ENOMEM);
	assert_int_equal(living, 1);
	error = 0;
	gather_all();
	assert_int_equal(gathering.outcomes[4].error, 0);
	assert_number(sample(ASKED, "80"), 1);
}

int main(void)
{
#define KEEPER_TEST(function) \
	cmocka_unit_test_setup_teardown(function, set_up_keeper, tear_down_all)
	const struct CMUnitTest tests[] = {
	    KEEPER_TEST(each_namespace_has_its_own_as_long_as_it_lives),
	    KEEPER_TEST(one_that_is_not_shown_for_a_while_keeps_it),
	    KEEPER_TEST(an_error_there_fails_the_collector),
	};

	return cmocka_run_group_tests_name("namespaces_kept", tests, NULL, NULL);
}
