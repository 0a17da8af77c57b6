// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/advice_range.h"

#include "unit.h"

static struct facts facts_of(uint16_t first, uint16_t last)
{
	struct facts facts = {.settings.range = {first, last}};

	facts_finish(&facts);
	return facts;
}

static void assert_range(struct port_range range, uint16_t first, uint16_t last)
{
	assert_int_equal(range.first, first);
	assert_int_equal(range.last, last);
}

static void test_the_default_range(void **state)
{
	const struct facts facts = facts_of(32768, 60999);
	const struct portset none = {0};
	const struct advice_range found = advice_range_find(&facts, &none);

	(void)state;
	assert_range(found.range, 10240, 65535);
	assert_int_equal(found.usable, 28232);
	assert_int_equal(found.usable_reserved, 28232);
	assert_int_equal(found.usable_wide, 55296);
	assert_int_equal(portset_count(&found.reserved), 0);
}

static void test_services(void **state)
{
	struct facts facts = facts_of(32768, 60999);
	struct portset services = {0};

	(void)state;
	portset_add(&services, 22);
	portset_add(&services, 11211);
	portset_add(&services, 33000);
	portset_add(&facts.settings.reserved, 9);
	portset_add(&facts.settings.reserved, 40000);
	portset_add(&facts.holders.listen, 33000);
	portset_add(&facts.holders.connected, 41000);
	portset_add(&facts.holders.bound, 12000);
	facts_finish(&facts);

	const struct advice_range found = advice_range_find(&facts, &services);

	/* What was reserved stays, in the range or not; 22 is not in the widest. */
	assert_int_equal(portset_count(&found.reserved), 4);
	assert_true(portset_has(&found.reserved, 9));
	assert_true(portset_has(&found.reserved, 11211));
	assert_true(portset_has(&found.reserved, 33000));
	assert_int_equal(found.usable, 28232 - 3);
	assert_int_equal(found.usable_reserved, 28232 - 3);
	assert_int_equal(found.usable_wide, 55296 - 5);
}

static void test_a_service_that_is_down_costs_a_port(void **state)
{
	const struct facts facts = facts_of(32768, 60999);
	struct portset services = {0};

	(void)state;
	portset_add(&services, 33000);
	assert_int_equal(advice_range_find(&facts, &services).usable_reserved, 28231);
}

static void test_a_range_that_begins_lower_stays_as_low(void **state)
{
	const struct portset none = {0};
	struct facts facts = facts_of(1024, 60999);

	(void)state;
	assert_range(advice_range_find(&facts, &none).range, 1024, 65535);
	/* An odd number would lose one: it is made even. */
	facts = facts_of(1025, 60999);
	assert_range(advice_range_find(&facts, &none).range, 1026, 65535);
	/* The widest there is, is left alone. */
	facts = facts_of(1025, 65535);
	assert_range(advice_range_find(&facts, &none).range, 1025, 65535);
	facts = facts_of(10241, 65535);
	assert_range(advice_range_find(&facts, &none).range, 10240, 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_default_range),
	    cmocka_unit_test(test_services),
	    cmocka_unit_test(test_a_service_that_is_down_costs_a_port),
	    cmocka_unit_test(test_a_range_that_begins_lower_stays_as_low),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
