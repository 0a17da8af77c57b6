// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static struct socket_address address_of(enum socket_family family, const char *text)
{
	struct socket_address address = {{0}};

	assert_int_equal(
	    inet_pton(family == SOCKET_IPV4 ? AF_INET : AF_INET6, text, address.bytes), 1);
	return address;
}

static struct socket socket_of(const char *local, const char *remote)
{
	return (struct socket){
	    .family = SOCKET_IPV6,
	    .local_port = 40001,
	    .remote_port = 443,
	    .local = address_of(SOCKET_IPV6, local),
	    .remote = address_of(SOCKET_IPV6, remote),
	};
}

static void assert_normalised(const char *local, const char *remote, enum socket_family family,
    const char *wanted_local, const char *wanted_remote)
{
	struct socket socket = socket_of(local, remote);
	const struct socket_address local_address = address_of(family, wanted_local);
	const struct socket_address remote_address = address_of(family, wanted_remote);

	socket_normalise(&socket);
	assert_int_equal(socket.family, family);
	assert_memory_equal(&socket.local, &local_address, sizeof(local_address));
	assert_memory_equal(&socket.remote, &remote_address, sizeof(remote_address));
	assert_int_equal(socket.local_port, 40001);
	assert_int_equal(socket.remote_port, 443);
}

static void normalises_mapped_sockets(void **state)
{
	(void)state;
	assert_normalised(
	    "::ffff:10.1.2.3", "::ffff:192.0.2.9", SOCKET_IPV4, "10.1.2.3", "192.0.2.9");
	assert_normalised("::ffff:127.0.0.1", "::", SOCKET_IPV4, "127.0.0.1", "0.0.0.0");
	assert_normalised("::", "::ffff:192.0.2.9", SOCKET_IPV4, "0.0.0.0", "192.0.2.9");
	assert_normalised("::ffff:0.0.0.0", "::", SOCKET_IPV4, "0.0.0.0", "0.0.0.0");
}

static void leaves_ipv6_sockets_alone(void **state)
{
	static const char *const pairs[][2] = {
	    {"::", "::"},
	    {"::1", "::1"},
	    {"2001:db8::1", "::"},
	    {"2001:db8::1", "::ffff:192.0.2.9"},
	    {"::ffff:192.0.2.9", "2001:db8::1"},
	    {"::192.0.2.9", "::192.0.2.9"},
	    {"::fffe:192.0.2.9", "::"},
	    {"1::ffff:192.0.2.9", "::"},
	    {"64:ff9b::192.0.2.9", "64:ff9b::1"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(pairs); i++)
		assert_normalised(pairs[i][0], pairs[i][1], SOCKET_IPV6, pairs[i][0], pairs[i][1]);
}

static void leaves_ipv4_sockets_alone(void **state)
{
	struct socket socket = {.family = SOCKET_IPV4};
	struct socket before;

	(void)state;
	/* Bytes that would be a mapped address, were it IPv6. */
	socket.local = address_of(SOCKET_IPV6, "::ffff:10.0.0.1");
	before = socket;
	socket_normalise(&socket);
	assert_memory_equal(&socket, &before, sizeof(socket));
}

static void names_are_those_of_the_labels(void **state)
{
	static const char *const states[SOCKET_STATES] = {"unknown", "established", "syn_sent",
	    "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait", "last_ack",
	    "listen", "closing", "unknown", "bound"};

	(void)state;
	assert_string_equal(socket_protocol_name(SOCKET_TCP), "tcp");
	assert_string_equal(socket_protocol_name(SOCKET_UDP), "udp");
	assert_string_equal(socket_family_name(SOCKET_IPV4), "ipv4");
	assert_string_equal(socket_family_name(SOCKET_IPV6), "ipv6");
	for (int i = 0; i < SOCKET_STATES; i++)
		assert_string_equal(socket_state_name((enum socket_state)i), states[i]);
	assert_string_equal(socket_state_name(SOCKET_STATES), "unknown");
}

/* include/net/tcp_states.h: records carry these numbers. */
static void states_have_the_kernels_numbers(void **state)
{
	(void)state;
	assert_int_equal(SOCKET_ESTABLISHED, 1);
	assert_int_equal(SOCKET_TIME_WAIT, 6);
	assert_int_equal(SOCKET_CLOSE, 7);
	assert_int_equal(SOCKET_LISTEN, 10);
	assert_int_equal(SOCKET_NEW_SYN_RECV, 12);
	assert_int_equal(SOCKET_BOUND, 13);
}

static void knows_kinds_of_addresses(void **state)
{
	static const struct {
		enum socket_family family;
		const char *text;
		bool any, loopback, link_local;
	} cases[] = {
	    {SOCKET_IPV4, "0.0.0.0", true, false, false},
	    {SOCKET_IPV4, "127.0.0.1", false, true, false},
	    {SOCKET_IPV4, "127.255.255.255", false, true, false},
	    {SOCKET_IPV4, "126.255.255.255", false, false, false},
	    {SOCKET_IPV4, "128.0.0.1", false, false, false},
	    {SOCKET_IPV4, "0.0.0.1", false, false, false},
	    {SOCKET_IPV4, "254.128.0.1", false, false, false}, /* begins as fe80 does */
	    {SOCKET_IPV6, "::", true, false, false},
	    {SOCKET_IPV6, "::1", false, true, false},
	    {SOCKET_IPV6, "::2", false, false, false},
	    {SOCKET_IPV6, "1::1", false, false, false},
	    {SOCKET_IPV6, "7f00::1", false, false, false}, /* begins as 127 does */
	    {SOCKET_IPV6, "fe80::1", false, false, true},
	    {SOCKET_IPV6, "febf::1", false, false, true},
	    {SOCKET_IPV6, "fe7f::1", false, false, false},
	    {SOCKET_IPV6, "fec0::1", false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct socket_address address = address_of(cases[i].family, cases[i].text);

		assert_int_equal(socket_address_is_any(&address), cases[i].any);
		assert_int_equal(
		    socket_address_is_loopback(&address, cases[i].family), cases[i].loopback);
		assert_int_equal(
		    socket_address_is_link_local(&address, cases[i].family), cases[i].link_local);
	}
}

static void assert_format(
    enum socket_family family, const char *text, uint32_t interface, const char *wanted)
{
	const struct socket_address address = address_of(family, text);
	char found[SOCKET_ADDRESS_TEXT];

	memset(found, 'x', sizeof(found));
	socket_address_format(&address, family, interface, found);
	assert_string_equal(found, wanted);
}

static void formats_addresses(void **state)
{
	(void)state;
	assert_format(SOCKET_IPV4, "192.0.2.9", 0, "192.0.2.9");
	assert_format(SOCKET_IPV4, "0.0.0.0", 0, "0.0.0.0");
	assert_format(SOCKET_IPV6, "::", 0, "::");
	assert_format(SOCKET_IPV6, "2001:DB8:0:0::1", 0, "2001:db8::1");
	assert_format(SOCKET_IPV6, "fe80::1", 0, "fe80::1");
	assert_format(SOCKET_IPV6, "1111:2222:3333:4444:5555:6666:7777:8888", 0,
	    "1111:2222:3333:4444:5555:6666:7777:8888");
}

static void only_link_local_addresses_have_a_zone(void **state)
{
	char name[IF_NAMESIZE];
	char wanted[SOCKET_ADDRESS_TEXT];

	(void)state;
	assert_format(SOCKET_IPV4, "169.254.1.1", 1, "169.254.1.1");
	assert_format(SOCKET_IPV6, "2001:db8::1", 1, "2001:db8::1");
	assert_format(SOCKET_IPV6, "::1", 1, "::1");
	/* Index 1 is lo's in every namespace. */
	assert_non_null(if_indextoname(1, name));
	snprintf(wanted, sizeof(wanted), "fe80::1%%%s", name);
	assert_format(SOCKET_IPV6, "fe80::1", 1, wanted);
	assert_format(SOCKET_IPV6, "fe80::1", 0x7fffffff, "fe80::1%2147483647");
	/* An interface that is gone: its number still tells two zones apart. */
	assert_format(SOCKET_IPV6, "febf:1111:2222:3333:4444:5555:6666:7777", 4294967295,
	    "febf:1111:2222:3333:4444:5555:6666:7777%4294967295");
}

static void endpoints_have_brackets_where_they_need_them(void **state)
{
	char text[SOCKET_ENDPOINT_TEXT];
	char longest[SOCKET_ADDRESS_TEXT];

	(void)state;
	socket_endpoint_format("192.0.2.9", SOCKET_IPV4, 443, text);
	assert_string_equal(text, "192.0.2.9:443");
	socket_endpoint_format("fe80::1%eth0", SOCKET_IPV6, 1, text);
	assert_string_equal(text, "[fe80::1%eth0]:1");
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	socket_endpoint_format(longest, SOCKET_IPV6, 65535, text);
	assert_string_equal(text + strlen(text) - strlen("1]:65535"), "1]:65535");
}

static void closed_and_without_a_file_is_abandoned(void **state)
{
	struct socket socket = {.protocol = SOCKET_TCP};

	(void)state;
	for (unsigned i = 1; i < SOCKET_STATES; i++) {
		socket.state = (enum socket_state)i;
		assert_int_equal(socket_was_abandoned(&socket, false),
		    i == SOCKET_FIN_WAIT1 || i == SOCKET_FIN_WAIT2 || i == SOCKET_CLOSING ||
			i == SOCKET_LAST_ACK);
		assert_false(socket_was_abandoned(&socket, true));
	}
	socket.state = SOCKET_FIN_WAIT1;
	socket.protocol = SOCKET_UDP;
	assert_false(socket_was_abandoned(&socket, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(normalises_mapped_sockets),
	    cmocka_unit_test(leaves_ipv6_sockets_alone),
	    cmocka_unit_test(leaves_ipv4_sockets_alone),
	    cmocka_unit_test(names_are_those_of_the_labels),
	    cmocka_unit_test(states_have_the_kernels_numbers),
	    cmocka_unit_test(knows_kinds_of_addresses),
	    cmocka_unit_test(formats_addresses),
	    cmocka_unit_test(only_link_local_addresses_have_a_zone),
	    cmocka_unit_test(closed_and_without_a_file_is_abandoned),
	    cmocka_unit_test(endpoints_have_brackets_where_they_need_them),
	};

	return cmocka_run_group_tests_name("socket", tests, NULL, NULL);
}
