// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/destination.h"

#include <string.h>

#include "collect.h"
#include "destination_order.h"
#include "unit.h"

static int set_up(void **state)
{
	(void)state;
	random_seed(41);
	return 0;
}

static void what_is_shared_is_used_but_not_taken(void **state)
{
	struct destination destination = {.shared = 5};

	(void)state;
	destination.ports[PORT_ACTIVE] = 1;
	destination.ports[PORT_REUSABLE] = 2;
	assert_int_equal(destination_used(&destination), 6);
	assert_int_equal(destination_total(&destination), 3);
}

static void assert_source(
    enum socket_family family, uint8_t source, uint8_t address, const char *expected)
{
	struct destination destination = {.family = family, .interface = 4000000000u};
	char text[SOCKET_ADDRESS_TEXT];

	destination.source = (struct socket_address){{source, source ? 0x80 : 0}};
	destination.address = (struct socket_address){{address, address ? 0x80 : 0}};
	destination_source_format(&destination, text);
	assert_string_equal(text, expected);
	destination.interface = 0;
	destination_source_format(&destination, text);
	assert_null(strchr(text, '%'));
}

static void the_source_has_the_interface_unless_the_peer_has_it(void **state)
{
	(void)state;
	assert_source(SOCKET_IPV4, 10, 11, "10.128.0.0%4000000000");
	assert_source(SOCKET_IPV6, 0x20, 0x20, "2080::%4000000000");
	assert_source(SOCKET_IPV6, 0xfe, 0x20, "fe80::%4000000000");
	assert_source(SOCKET_IPV6, 0xfe, 0xfe, "fe80::%4000000000");
	assert_source(SOCKET_IPV6, 0x20, 0xfe, "2080::");
}

static struct destination random_destination(void)
{
	struct destination destination = {
	    .family = random_number() % SOCKET_FAMILIES,
	    .port = (uint16_t)(random_number() % 2),
	    .interface = random_number() % 2,
	};

	destination.source.bytes[0] = (uint8_t)(random_number() % 2);
	destination.address.bytes[0] = (uint8_t)(random_number() % 2 ? 0xff : 1);
	destination.ports[PORT_ACTIVE] = (uint16_t)(random_number() % 2 * 65535);
	destination.ports[PORT_TIME_WAIT] = (uint16_t)(random_number() % 2 * 65535);
	return destination;
}

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

static void comparing_is_a_total_order(void **state)
{
	(void)state;
	for (int i = 0; i < 20011; i++) {
		const struct destination a = random_destination();
		const struct destination b = random_destination();
		const struct destination c = random_destination();
		const int ab = sign(destination_compare(&a, &b));
		const int bc = sign(destination_compare(&b, &c));
		const bool same = order_key(&a, &b) == 0 && a.family == b.family &&
				  destination_used(&a) == destination_used(&b);

		assert_int_equal(destination_compare(&a, &a), 0);
		assert_int_equal(ab, -sign(destination_compare(&b, &a)));
		assert_int_equal(ab == 0, same);
		if (ab <= 0 && bc <= 0)
			assert_true(destination_compare(&a, &c) <= 0);
	}
}

static void fuller_ones_come_first(void **state)
{
	struct destination a = {.family = SOCKET_IPV6, .port = 9};
	struct destination b = {.family = SOCKET_IPV4, .port = 1};

	(void)state;
	a.ports[PORT_ACTIVE] = 3;
	b.ports[PORT_ACTIVE] = 1;
	b.ports[PORT_TIME_WAIT] = 1;
	b.ports[PORT_REUSABLE] = 1000; /* not used: connect() can have them */
	assert_true(destination_compare(&a, &b) < 0);
	b.ports[PORT_TIME_WAIT] = 2;
	assert_true(destination_compare(&a, &b) > 0); /* by family now */
	b.family = SOCKET_IPV6;
	assert_true(destination_compare(&a, &b) > 0); /* by port */
	a.address.bytes[0] = 1;
	b.address.bytes[0] = 0xff;
	assert_true(destination_compare(&a, &b) < 0); /* by address, before the port */
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, set_up)
	const struct CMUnitTest tests[] = {
	    TEST(what_is_shared_is_used_but_not_taken),
	    TEST(the_source_has_the_interface_unless_the_peer_has_it),
	    TEST(comparing_is_a_total_order),
	    TEST(fuller_ones_come_first),
	};

	return cmocka_run_group_tests_name("destination", tests, NULL, NULL);
}
