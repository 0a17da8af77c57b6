// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/opener_top.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static struct openers openers[OPENERS_BUCKETS];
static struct opener_top *top;

static int set_up(void **state)
{
	(void)state;
	memset(openers, 0, sizeof(openers));
	top = opener_top_new(openers, 3);
	return top ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	opener_top_free(top);
	return 0;
}

/* As the kernel writes it. */
static void place(size_t at, uint64_t cgroup, uint64_t opens)
{
	struct opener *one = &openers[at / OPENERS_BESIDE].list[at % OPENERS_BESIDE];

	*one = (struct opener){
	    .version = one->version + 2,
	    .key.words = {1, 2, 3, cgroup},
	    .counts = {.opens = opens, .leases = opens / 2, .held_ns = opens * 1000},
	};
}

static void add(size_t at, uint64_t opens)
{
	openers[at / OPENERS_BESIDE].list[at % OPENERS_BESIDE].counts.opens += opens;
}

/* The cgroups of the top and what they have opened, as "11:7 12:5". */
static void assert_top(double seconds, const char *expected)
{
	const struct opener_grown *grown;
	const size_t length = opener_top_look(top, seconds, &grown);
	char text[256] = "";

	for (size_t i = 0; i < length; i++)
		sprintf(text + strlen(text), "%s%llu:%llu", i ? " " : "",
		    (unsigned long long)grown[i].key.words[3],
		    (unsigned long long)grown[i].counts.opens);
	assert_string_equal(text, expected);
}

static void those_with_the_most_come_first(void **state)
{
	(void)state;
	assert_top(1, "");
	place(0, 11, 5);
	place(OPENERS - 1, 12, 9);
	assert_top(2, "12:9 11:5");
	place(3, 13, 2);
	place(4, 14, 1);
	/* What they had before still counts, but is not told again. */
	assert_top(3, "12:0 11:0 13:2");
	add(4, 20);
	assert_top(4, "14:20 12:0 11:0");
}

static void all_counts_are_told(void **state)
{
	const struct opener_grown *grown;

	(void)state;
	place(9, 11, 40);
	assert_int_equal(opener_top_look(top, 1, &grown), 1);
	openers[9 / OPENERS_BESIDE].list[9 % OPENERS_BESIDE].counts.leases += 7;
	openers[9 / OPENERS_BESIDE].list[9 % OPENERS_BESIDE].counts.held_ns += 5003;
	assert_int_equal(opener_top_look(top, 2, &grown), 1);
	assert_int_equal(grown[0].counts.opens, 0);
	assert_int_equal(grown[0].counts.leases, 7);
	assert_int_equal(grown[0].counts.held_ns, 5003);
	assert_int_equal(grown[0].key.words[2], 3);
}

static void an_open_counts_half_after_five_minutes(void **state)
{
	(void)state;
	place(0, 11, 100);
	place(1, 12, 60);
	assert_top(1000, "11:100 12:60");
	add(1, 30);
	assert_top(1000, "11:0 12:30");
	/* 50 and 45 are left. */
	add(1, 6);
	assert_top(1300, "12:6 11:0");
}

static void another_key_in_the_same_place_begins_anew(void **state)
{
	(void)state;
	place(0, 11, 100);
	place(1, 12, 50);
	assert_top(1, "11:100 12:50");
	place(0, 21, 30);
	assert_top(2, "12:0 21:30");
	/* The same key again, that had lost its place for a moment. */
	place(0, 21, 4);
	assert_top(3, "12:0 21:4");
}

static void a_key_that_is_being_written_is_not_read(void **state)
{
	(void)state;
	place(0, 11, 100);
	place(1, 12, 50);
	openers[0].list[0].version |= 1;
	assert_top(1, "12:50");
	openers[0].list[0].version++;
	assert_top(2, "11:100 12:0");
}

static void a_limit_of_none_shows_none(void **state)
{
	const struct opener_grown *grown;
	struct opener_top *none = opener_top_new(openers, 0);

	(void)state;
	assert_non_null(none);
	place(0, 11, 100);
	assert_int_equal(opener_top_look(none, 1, &grown), 0);
	opener_top_free(none);
	opener_top_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(those_with_the_most_come_first, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(all_counts_are_told, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		an_open_counts_half_after_five_minutes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		another_key_in_the_same_place_begins_anew, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_key_that_is_being_written_is_not_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_limit_of_none_shows_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
