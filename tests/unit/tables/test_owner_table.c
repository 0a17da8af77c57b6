// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/owner_table.h"

#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "unit.h"

#define OWNERS_MAX 131072u /* as owner_table.h says */
#define IDS 5003u
#define COUNTS 100003u

static struct owner_table *table;

static int set_up(void **state)
{
	(void)state;
	random_seed(53);
	table = owner_table_new();
	return table ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	owner_table_free(table);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t first = ((const struct owner *)a)->cgroup_id;
	const uint64_t second = ((const struct owner *)b)->cgroup_id;

	return first < second ? -1 : first > second;
}

/* The list, by id. The caller frees it. */
static struct owner *sorted_list(size_t wanted)
{
	size_t length;
	struct owner *list = owner_table_list(table, &length);

	assert_non_null(list);
	assert_int_equal(length, wanted);
	qsort(list, length, sizeof(*list), compare);
	return list;
}

/* Ids as the kernel hands them out, with the generation in the upper half or without. */
static void counts_as_an_array_does(void **state)
{
	static const struct {
		uint64_t first, step;
	} forms[] = {{1, 1}, {2, 37}, {UINT64_C(1) << 32, UINT64_C(1) << 32},
	    {UINT64_C(0x100000001), UINT64_C(0x100000001)}, {UINT64_MAX - IDS + 1, 1}};
	static uint32_t wanted[IDS];

	(void)state;
	for (size_t form = 0; form < LENGTH(forms); form++) {
		struct owner *list;

		memset(wanted, 0, sizeof(wanted));
		owner_table_clear(table);
		for (unsigned i = 0; i < COUNTS; i++) {
			/* Each at least once, and runs of the same one. */
			const unsigned key = i < IDS ? i : random_number() % IDS;
			const unsigned run = random_number() % 3 + 1;

			for (unsigned j = 0; j < run; j++) {
				assert_result(owner_table_add(table,
						  forms[form].first + key * forms[form].step),
				    0);
				wanted[key]++;
			}
		}
		list = sorted_list(IDS);
		for (unsigned i = 0; i < IDS; i++) {
			assert_true(list[i].cgroup_id == forms[form].first + i * forms[form].step);
			assert_int_equal(list[i].count, wanted[i]);
		}
		assert_int_equal(owner_table_untracked(table), 0);
		free(list);
	}
}

static void an_empty_table_has_an_empty_list(void **state)
{
	(void)state;
	free(sorted_list(0));
	owner_table_clear(table);
	free(sorted_list(0));
	assert_int_equal(owner_table_untracked(table), 0);
	owner_table_free(NULL);
}

static void a_cleared_table_counts_from_zero(void **state)
{
	struct owner *list;

	(void)state;
	for (int i = 0; i < 7; i++)
		assert_result(owner_table_add(table, 23), 0);
	owner_table_clear(table);
	for (int i = 0; i < 3; i++)
		assert_result(owner_table_add(table, 23), 0);
	list = sorted_list(1);
	assert_int_equal(list[0].cgroup_id, 23);
	assert_int_equal(list[0].count, 3);
	free(list);
}

static void there_is_a_limit(void **state)
{
	struct owner *list;

	(void)state;
	for (uint64_t id = 1; id <= OWNERS_MAX + 11; id++)
		assert_result(owner_table_add(table, id), 0);
	assert_int_equal(owner_table_untracked(table), 11);
	/* Those that found a place are still counted, the others still are not. */
	for (int i = 0; i < 5; i++) {
		assert_result(owner_table_add(table, OWNERS_MAX), 0);
		assert_result(owner_table_add(table, OWNERS_MAX + 1), 0);
	}
	assert_int_equal(owner_table_untracked(table), 16);
	list = sorted_list(OWNERS_MAX);
	for (uint64_t i = 0; i < OWNERS_MAX; i++) {
		assert_true(list[i].cgroup_id == i + 1);
		assert_int_equal(list[i].count, i + 1 == OWNERS_MAX ? 6 : 1);
	}
	free(list);
	owner_table_clear(table);
	assert_int_equal(owner_table_untracked(table), 0);
	free(sorted_list(0));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(counts_as_an_array_does),
	    TEST(an_empty_table_has_an_empty_list),
	    TEST(a_cleared_table_counts_from_zero),
	    TEST(there_is_a_limit),
	};

	return cmocka_run_group_tests_name("owner_table", tests, NULL, NULL);
}
