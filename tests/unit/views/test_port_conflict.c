// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_conflict.h"

#include <stdlib.h>

#include "collect.h"
#include "unit.h"

#define PORT 46580

static struct port_socket kept[8];
static struct port_side side;

static int set_up(void **state)
{
	(void)state;
	side = (struct port_side){.list = kept};
	return 0;
}

static struct socket *hold(enum socket_state state, const char *address, const char *peer)
{
	struct port_socket *next = &kept[side.length++];

	*next = (struct port_socket){.socket = make_socket(state, address, PORT, peer, 443)};
	if (state == SOCKET_LISTEN || state == SOCKET_BOUND)
		next->socket.remote_port = 0;
	side.total = side.length;
	return &next->socket;
}

static struct socket ask(const char *address)
{
	return make_socket(SOCKET_CLOSE, address, PORT, address, 0);
}

static const struct socket *found(const struct socket *asked, size_t wanted_others)
{
	size_t others = 99;
	const struct port_socket *first = port_conflict_find(&side, asked, &others);

	assert_int_equal(others, wanted_others);
	return first ? &first->socket : NULL;
}

static void nothing_is_found_where_nothing_is(void **state)
{
	const struct socket asked = ask("0.0.0.0");

	(void)state;
	assert_null(found(&asked, 0));
}

static void an_address_meets_itself_and_the_wildcard(void **state)
{
	struct socket asked = ask("192.0.2.1");

	(void)state;
	hold(SOCKET_LISTEN, "192.0.2.2", "0.0.0.0");
	assert_null(found(&asked, 0));
	const struct socket *same = hold(SOCKET_LISTEN, "192.0.2.1", "0.0.0.0");
	assert_ptr_equal(found(&asked, 0), same);
	hold(SOCKET_ESTABLISHED, "192.0.2.1", "192.0.2.9");
	assert_ptr_equal(found(&asked, 1), same);
	asked = ask("0.0.0.0");
	assert_ptr_equal(found(&asked, 2), &kept[0].socket);
	set_up(NULL);
	const struct socket *wildcard = hold(SOCKET_BOUND, "0.0.0.0", "0.0.0.0");
	asked = ask("192.0.2.3");
	assert_ptr_equal(found(&asked, 0), wildcard);
}

static void the_wildcard_of_ipv6_is_that_of_ipv4_unless_it_is_ipv6_only(void **state)
{
	struct socket asked = ask("::");

	(void)state;
	const struct socket *held = hold(SOCKET_LISTEN, "192.0.2.1", "0.0.0.0");
	assert_ptr_equal(found(&asked, 0), held);
	asked.ipv6_only = true;
	assert_null(found(&asked, 0));
	asked = ask("2001:db8::1");
	assert_null(found(&asked, 0));

	set_up(NULL);
	struct socket *dual = hold(SOCKET_LISTEN, "::", "::");
	asked = ask("192.0.2.1");
	assert_ptr_equal(found(&asked, 0), dual);
	asked = ask("0.0.0.0");
	assert_ptr_equal(found(&asked, 0), dual);
	dual->ipv6_only = true;
	assert_null(found(&asked, 0));
	asked = ask("2001:db8::1");
	assert_ptr_equal(found(&asked, 0), dual);
	asked = ask("::");
	asked.ipv6_only = true;
	assert_ptr_equal(found(&asked, 0), dual);

	set_up(NULL);
	hold(SOCKET_LISTEN, "2001:db8::1", "::");
	asked = ask("192.0.2.1");
	assert_null(found(&asked, 0));
	asked = ask("2001:db8::2");
	assert_null(found(&asked, 0));
}

static void another_protocol_or_interface_is_none(void **state)
{
	struct socket asked = ask("0.0.0.0");

	(void)state;
	struct socket *held = hold(SOCKET_LISTEN, "0.0.0.0", "0.0.0.0");
	held->interface = 2;
	assert_ptr_equal(found(&asked, 0), held);
	asked.interface = 2;
	assert_ptr_equal(found(&asked, 0), held);
	asked.interface = 3;
	assert_null(found(&asked, 0));
	held->interface = 0;
	assert_ptr_equal(found(&asked, 0), held);
	asked.protocol = SOCKET_UDP;
	assert_null(found(&asked, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(nothing_is_found_where_nothing_is, set_up),
	    cmocka_unit_test_setup(an_address_meets_itself_and_the_wildcard, set_up),
	    cmocka_unit_test_setup(
		the_wildcard_of_ipv6_is_that_of_ipv4_unless_it_is_ipv6_only, set_up),
	    cmocka_unit_test_setup(another_protocol_or_interface_is_none, set_up),
	};

	return cmocka_run_group_tests_name("port_conflict", tests, NULL, NULL);
}
