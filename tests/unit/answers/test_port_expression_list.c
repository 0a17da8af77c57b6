// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "exporter/answers/port_expression.h"

#include "guard_page.h"
#include "unit.h"

int __wrap_getservbyname_r(const char *name, const char *protocol, struct servent *entry,
    char *buffer, size_t size, struct servent **ret_entry);

/* No host's: http has one port, "two" one of each protocol, "none" is 0. */
int __wrap_getservbyname_r(const char *name, const char *protocol, struct servent *entry,
    char *buffer, size_t size, struct servent **ret_entry)
{
	static const struct {
		const char *name;
		const char *protocol;
		uint16_t port;
	} services[] = {{"http", "tcp", 80}, {"two", "tcp", 1001}, {"two", "udp", 1002},
	    {"http-alt", "tcp", 8080}, {"none", "tcp", 0}};

	(void)buffer;
	(void)size;
	*ret_entry = NULL;
	for (size_t i = 0; i < LENGTH(services); i++) {
		if (strcmp(name, services[i].name) != 0 ||
		    strcmp(protocol, services[i].protocol) != 0)
			continue;
		*entry = (struct servent){.s_port = htons(services[i].port)};
		*ret_entry = entry;
	}
	return 0;
}

static struct port_asked asked;

/* Its NUL is the last byte that may be read. */
static const char *add(const char *text)
{
	struct guarded guarded = guard(text, strlen(text) + 1, 1);
	const char *wrong = port_expression_add(&asked, guarded.bytes);

	guard_free(&guarded);
	return wrong;
}

static int start(void **state)
{
	(void)state;
	asked = (struct port_asked){0};
	return 0;
}

static void assert_ports(const struct portset *set, const char *wanted)
{
	char text[256] = "";
	unsigned position = 0;
	struct port_range range;

	while (portset_next_range(set, &position, &range))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u-%u ", range.first,
		    range.last);
	assert_string_equal(text, wanted);
}

static bool has(
    enum socket_protocol protocol, enum socket_family family, const char *address, uint16_t port)
{
	struct socket socket = {.protocol = protocol, .family = family, .local_port = port};
	struct socket other = {.protocol = protocol, .family = family, .remote_port = port};

	assert_int_equal(
	    inet_pton(family == SOCKET_IPV4 ? AF_INET : AF_INET6, address, socket.local.bytes), 1);
	other.remote = socket.local;

	const bool found = port_asked_has_local(&asked, &socket);

	assert_int_equal(port_asked_has_remote(&asked, &other), found);
	assert_false(port_asked_has_remote(&asked, &socket));
	assert_false(port_asked_has_local(&asked, &other));
	return found;
}

static void a_list_asks_for_each(void **state)
{
	(void)state;
	assert_null(add("80,443,8000-8080,:90"));
	assert_ports(&asked.ports, "80-80 90-90 443-443 8000-8080 ");
	assert_ports(&asked.whole, "80-80 90-90 443-443 8000-8080 ");
	assert_ports(&asked.named, "80-80 90-90 443-443 ");
	assert_int_equal(asked.length, 0);
}

static void a_service_is_its_port(void **state)
{
	(void)state;
	assert_null(add("http,two,:http-alt"));
	assert_ports(&asked.whole, "80-80 1001-1002 8080-8080 ");
	assert_ports(&asked.named, "80-80 1001-1002 8080-8080 ");
	assert_null(add("udp/two"));
	assert_int_equal(asked.length, 1);
	assert_int_equal(asked.terms[0].range.first, 1002);
}

static void a_protocol_leaves_the_other_out(void **state)
{
	(void)state;
	assert_null(add("udp/53,tcp/8000-8080"));
	assert_ports(&asked.ports, "53-53 8000-8080 ");
	assert_ports(&asked.named, "53-53 ");
	assert_ports(&asked.whole, "");
	assert_true(has(SOCKET_UDP, SOCKET_IPV4, "10.0.0.1", 53));
	assert_true(has(SOCKET_TCP, SOCKET_IPV6, "::1", 8080));
	assert_false(has(SOCKET_TCP, SOCKET_IPV4, "10.0.0.1", 53));
	assert_false(has(SOCKET_UDP, SOCKET_IPV4, "10.0.0.1", 8000));
	assert_false(has(SOCKET_UDP, SOCKET_IPV4, "10.0.0.1", 54));
	/* Who asks for all of a port gets all. */
	assert_null(add("53"));
	assert_true(has(SOCKET_TCP, SOCKET_IPV4, "10.0.0.1", 53));
}

static void an_address_leaves_others_out(void **state)
{
	(void)state;
	assert_null(add("10.0.0.1:443,[::1]:443"));
	assert_null(add("udp/[::ffff:10.0.0.2]:7"));
	assert_true(has(SOCKET_TCP, SOCKET_IPV4, "10.0.0.1", 443));
	assert_true(has(SOCKET_UDP, SOCKET_IPV6, "::1", 443));
	assert_true(has(SOCKET_UDP, SOCKET_IPV4, "10.0.0.2", 7));
	assert_false(has(SOCKET_TCP, SOCKET_IPV4, "10.0.0.2", 7));
	assert_false(has(SOCKET_TCP, SOCKET_IPV4, "10.0.0.2", 443));
	assert_false(has(SOCKET_TCP, SOCKET_IPV4, "10.0.0.1", 80));
	assert_false(has(SOCKET_TCP, SOCKET_IPV6, "::2", 443));
	/* The same bytes are not the same address. */
	assert_false(has(SOCKET_TCP, SOCKET_IPV6, "a00:1::", 443));
}

static void everything_else_is_refused(void **state)
{
	static const char *const bad[] = {"", ",", "80,", ",80", "80,,81", ":", "tcp/", "sctp/80",
	    "tcp/udp/80", "TCP/80", "tcp//80", "::1:80", "[::1]", "[::1", "[::1]80",
	    "[::1]:", "[]:80", "[:80", "]:80", "[10.0.0.1]:80", "10.0.0.1",
	    "10.0.0.1:", "10.0.0:80", "10.0.0.1:0", "10.0.0.1:65536", "fe80::1%eth0:80",
	    "[fe80::1%eth0]:80", "localhost:80", ":80:81", "none", "nobody", "80-http", "http 80",
	    "http\n", "*:80", "tcp", "80/tcp",
	    "0123456789012345678901234567890123456789012345678901234567890123"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		const char *wrong = add(bad[i]);

		if (!wrong)
			fail_msg("\"%s\" was not refused", bad[i]);
		assert_non_null(strstr(wrong, "65535"));
	}
	assert_string_equal(add("tcp/8080-8000"), "the range must not end before it begins");
}

static void there_is_a_bound(void **state)
{
	(void)state;
	for (int i = 0; i < PORT_TERMS_MAX; i++)
		assert_null(add("tcp/80"));
	assert_non_null(strstr(add("tcp/80"), "at most 64"));
	assert_int_equal(asked.length, PORT_TERMS_MAX);
	assert_null(add("80"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_list_asks_for_each, start),
	    cmocka_unit_test_setup(a_service_is_its_port, start),
	    cmocka_unit_test_setup(a_protocol_leaves_the_other_out, start),
	    cmocka_unit_test_setup(an_address_leaves_others_out, start),
	    cmocka_unit_test_setup(everything_else_is_refused, start),
	    cmocka_unit_test_setup(there_is_a_bound, start),
	};

	return cmocka_run_group_tests_name("port_expression_list", tests, NULL, NULL);
}
