// SPDX-License-Identifier: Apache-2.0
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/advice_rules.h"

#include "unit.h"

static struct advice advice;

/* Whether something is advised; then it is in advice, for the caller to free. */
static bool advised(int entries, int limit)
{
	const struct advice_facts facts = {
	    .conntrack_entries = entries,
	    .conntrack_limit = limit,
	};
	const struct advice_input input = {.facts = &facts};

	advice = (struct advice){0};
	return advice_find_conntrack_table(&input, &advice);
}

static void assert_says(struct text *text, const char *wanted)
{
	assert_int_equal(text->error, 0);
	assert_int_equal(text->length, strlen(wanted));
	assert_memory_equal(text->data, wanted, text->length);
}

static void release(void)
{
	free(advice.finding.data);
	free(advice.effect.data);
	free(advice.settings[0].value.data);
}

static void assert_advised(enum advice_urgency urgency, const char *finding, const char *value)
{
	assert_int_equal(advice.urgency, urgency);
	assert_says(&advice.finding, finding);
	assert_int_equal(advice.settings_length, 1);
	assert_string_equal(advice.settings[0].name, "net.netfilter.nf_conntrack_max");
	assert_says(&advice.settings[0].value, value);
	release();
}

static void a_table_with_room_needs_none(void **state)
{
	(void)state;
	assert_false(advised(0, 262144));
	assert_false(advised(79, 100));
	assert_false(advised(SETTING_ABSENT, SETTING_ABSENT));
	assert_false(advised(SETTING_ABSENT, 100));
	assert_false(advised(100, SETTING_ABSENT));
	/* Without a limit nothing is full. */
	assert_false(advised(1000, 0));
}

static void one_that_is_nearly_full_gets_twice_the_room(void **state)
{
	(void)state;
	assert_true(advised(80, 100));
	assert_advised(ADVICE_SOON,
	    "The table of connection tracking has 80 entries, and nf_conntrack_max allows 100. "
	    "When "
	    "it is full, the kernel drops packets of new connections.",
	    "200");
}

static void a_full_one_gets_more_than_it_has(void **state)
{
	(void)state;
	assert_true(advised(100, 100));
	assert_advised(ADVICE_NOW,
	    "The table of connection tracking has 100 entries, and nf_conntrack_max allows 100. "
	    "The "
	    "kernel drops packets of new connections.",
	    "200");
	/* Somebody lowered the limit. */
	assert_true(advised(30, 8));
	assert_int_equal(advice.before, 8);
	assert_int_equal(advice.after, 60);
	assert_advised(ADVICE_NOW,
	    "The table of connection tracking has 30 entries, and nf_conntrack_max allows 8. The "
	    "kernel drops packets of new connections.",
	    "60");
}

static void no_more_is_advised_than_the_kernel_takes(void **state)
{
	(void)state;
	assert_false(advised(INT_MAX, INT_MAX));
	assert_false(advised(INT_MAX / 2 + 1, INT_MAX / 2 + 1));
	assert_true(advised(INT_MAX / 2, INT_MAX / 2));
	assert_int_equal(advice.after, INT_MAX - 1);
	release();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_table_with_room_needs_none),
	    cmocka_unit_test(one_that_is_nearly_full_gets_twice_the_room),
	    cmocka_unit_test(a_full_one_gets_more_than_it_has),
	    cmocka_unit_test(no_more_is_advised_than_the_kernel_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
