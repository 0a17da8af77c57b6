// SPDX-License-Identifier: Apache-2.0
/*
 * The chances of free ports, against the kernel's own loops run from each of their starts.
 * A start is as likely as any other, which is what the kernel's hash and table are for.
 */
#include "collectors/views/port_chance.h"

#include <string.h>

#include "collect.h"
#include "unit.h"

#define NEAR 1e-12

static struct settings settings;
static struct portset passed_over;

static void start(uint16_t first, uint16_t last)
{
	memset(&settings, 0, sizeof(settings));
	memset(&passed_over, 0, sizeof(passed_over));
	settings.range = (struct port_range){first, last};
}

static bool is_taken(unsigned port, bool by_connect)
{
	return !portset_has(&settings.reserved, (uint16_t)port) &&
	       !(by_connect && portset_has(&passed_over, (uint16_t)port));
}

/*
 * __inet_hash_connect() in net/ipv4/inet_hashtables.c and inet_csk_find_open_port() in
 * inet_connection_sock.c, whose first passes differ in the start's parity alone. Returns the
 * port that a pass from offset takes, or 0.
 */
static unsigned search_from(unsigned offset, bool by_connect)
{
	const unsigned low = settings.range.first;
	const unsigned high = settings.range.last + 1u;
	unsigned remaining = high - low;
	unsigned port;

	if (remaining > 1)
		remaining &= ~1u;
	offset = by_connect ? offset & ~1u : offset | 1u;
	port = low + offset;
	for (unsigned i = 0; i < remaining; i += 2, port += 2) {
		if (port >= high)
			port -= remaining;
		if (is_taken(port, by_connect))
			return port;
	}
	return 0;
}

/* Of all starts, how many take the port. */
static double chance_by_trial(uint16_t wanted, bool by_connect)
{
	unsigned starts = settings.range.last - settings.range.first + 1u;
	unsigned hits = 0;

	if (starts > 1)
		starts &= ~1u;
	for (unsigned offset = 0; offset < starts; offset++)
		hits += search_from(offset, by_connect) == wanted;
	return (double)hits / starts;
}

static void assert_chances(void)
{
	double sum = 0;

	for (unsigned port = settings.range.first - 1u; port <= settings.range.last + 1u; port++) {
		const double found =
		    port_chance_of_connect(&settings, &passed_over, (uint16_t)port);
		const double wanted = chance_by_trial((uint16_t)port, true);
		const double bind = port_chance_of_bind(&settings, (uint16_t)port);
		const double most = chance_by_trial((uint16_t)port, false);

		if (found < wanted - NEAR || found > wanted + NEAR)
			fail_msg("connect() in %u-%u takes %u with %.17g, not %.17g",
			    settings.range.first, settings.range.last, port, wanted, found);
		sum += found;
		/* It is told as the least, which it is where no port before it is taken. */
		if (bind > most + NEAR)
			fail_msg("bind() in %u-%u takes %u with %.17g, not %.17g",
			    settings.range.first, settings.range.last, port, most, bind);
		if (most > 0 && portset_count(&settings.reserved) == 0 &&
		    (bind < most - NEAR || bind > most + NEAR))
			fail_msg("bind() in %u-%u takes %u with %.17g, not %.17g",
			    settings.range.first, settings.range.last, port, most, bind);
		if ((bind > 0) != (most > 0) && is_taken(port, false) &&
		    portset_count(&settings.reserved) == 0)
			fail_msg("bind() and port %u", port);
	}
	assert_true(sum < 1 + NEAR);
}

static void an_empty_range_is_even(void **state)
{
	(void)state;
	for (unsigned size = 2; size <= 40; size += 2) {
		start(40000, (uint16_t)(40000 + size - 1));
		assert_chances();
		start(40001, (uint16_t)(40001 + size - 1));
		assert_chances();
	}
	start(40000, 40009);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40000), 0.2);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40001), 0);
	assert_number(port_chance_of_bind(&settings, 40000), 0);
	assert_number(port_chance_of_bind(&settings, 40001), 0.2);
	start(32768, 60999);
	assert_number(port_chance_of_connect(&settings, &passed_over, 60416), 1.0 / 14116);
	assert_number(port_chance_of_bind(&settings, 60417), 1.0 / 14116);
}

static void a_port_takes_over_from_those_before_it(void **state)
{
	(void)state;
	start(40000, 40009);
	portset_add(&passed_over, 40002);
	portset_add(&settings.reserved, 40004);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40006), 0.6);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40004), 0);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40002), 0);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40000), 0.2);
	/* Also round the end of the range. */
	portset_add(&passed_over, 40008);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40000), 0.4);
	assert_chances();
}

static void the_last_one_left_is_certain(void **state)
{
	(void)state;
	for (uint16_t left = 40000; left < 40010; left = (uint16_t)(left + 2)) {
		start(40000, 40009);
		for (uint16_t port = 40000; port < 40010; port = (uint16_t)(port + 2))
			if (port != left)
				portset_add(left % 4 ? &passed_over : &settings.reserved, port);
		assert_number(port_chance_of_connect(&settings, &passed_over, left), 1);
		assert_chances();
	}
}

static void where_all_are_passed_over_none_is_taken(void **state)
{
	(void)state;
	start(40000, 40009);
	portset_add_range(&passed_over, settings.range);
	assert_chances();
	start(40000, 40009);
	portset_add_range(&settings.reserved, settings.range);
	assert_chances();
}

static void ports_outside_are_not_taken(void **state)
{
	(void)state;
	start(40000, 40009);
	assert_number(port_chance_of_connect(&settings, &passed_over, 39998), 0);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40010), 0);
	assert_number(port_chance_of_bind(&settings, 39999), 0);
	assert_number(port_chance_of_bind(&settings, 40011), 0);
	assert_number(port_chance_of_connect(&settings, &passed_over, 1), 0);
	assert_number(port_chance_of_bind(&settings, 65535), 0);
	start(1, 65535);
	assert_number(port_chance_of_bind(&settings, 0), 0);
	start(65534, 65535);
	assert_number(port_chance_of_connect(&settings, &passed_over, 65534), 1);
	assert_number(port_chance_of_bind(&settings, 65535), 1);
}

static void a_range_of_one_port_gives_that(void **state)
{
	(void)state;
	/* Both loops round down to an even number of ports only where there is more than one. */
	start(40000, 40000);
	assert_number(chance_by_trial(40000, true), 1);
	assert_number(chance_by_trial(40000, false), 1);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40000), 1);
	assert_number(port_chance_of_bind(&settings, 40000), 1);
	portset_add(&passed_over, 40000);
	assert_number(port_chance_of_connect(&settings, &passed_over, 40000), 0);
	portset_add(&settings.reserved, 40000);
	assert_number(port_chance_of_bind(&settings, 40000), 0);
}

/*
 * No search starts at the last port of an odd number, but each that comes by takes it: its
 * step leads there before it leads round the end.
 */
static void odd_ranges_end_with_a_port_of_the_first_parity(void **state)
{
	(void)state;
	start(40000, 40004);
	assert_chances();
	portset_add(&passed_over, 40002);
	assert_chances();
	assert_number(chance_by_trial(40004, true), 0.5);
	for (unsigned size = 3; size <= 21; size += 2) {
		start(40000, (uint16_t)(40000 + size - 1));
		assert_chances();
	}
}

/* Any range, any ports passed over, reserved and listening alike. */
static void any_range_agrees_with_the_loops(void **state, unsigned add)
{
	(void)state;
	random_seed(20231);
	for (unsigned round = 0; round < 2000; round++) {
		const unsigned size = 2 * (1 + random_number() % 20) + add;
		const unsigned one_in = 1 + random_number() % 4;

		start((uint16_t)(1 + random_number() % 60000), 0);
		settings.range.last = (uint16_t)(settings.range.first + size - 1);
		for (unsigned port = settings.range.first; port <= settings.range.last; port++) {
			if (random_number() % 4 < one_in)
				continue;
			portset_add(random_number() % 2 ? &passed_over : &settings.reserved,
			    (uint16_t)port);
		}
		assert_chances();
	}
}

static void even_ranges_agree_with_the_loops(void **state)
{
	any_range_agrees_with_the_loops(state, 0);
}

static void odd_ranges_agree_with_the_loops(void **state)
{
	any_range_agrees_with_the_loops(state, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_range_is_even),
	    cmocka_unit_test(a_port_takes_over_from_those_before_it),
	    cmocka_unit_test(the_last_one_left_is_certain),
	    cmocka_unit_test(where_all_are_passed_over_none_is_taken),
	    cmocka_unit_test(ports_outside_are_not_taken),
	    cmocka_unit_test(a_range_of_one_port_gives_that),
	    cmocka_unit_test(odd_ranges_end_with_a_port_of_the_first_parity),
	    cmocka_unit_test(even_ranges_agree_with_the_loops),
	    cmocka_unit_test(odd_ranges_agree_with_the_loops),
	};

	return cmocka_run_group_tests_name("port_chance", tests, NULL, NULL);
}
