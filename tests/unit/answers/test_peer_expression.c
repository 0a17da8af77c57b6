// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/peer_expression.h"

#include <arpa/inet.h>
#include <string.h>

#include "guard_page.h"
#include "unit.h"

/* Its NUL is the last byte that may be read. */
static const char *parse(const char *text, struct peer_filter *ret_filter)
{
	struct guarded guarded = guard(text, strlen(text) + 1, 1);
	const char *wrong = peer_expression_parse(guarded.bytes, ret_filter);

	guard_free(&guarded);
	return wrong;
}

static bool has(const struct peer_filter *filter, const char *address, uint16_t port)
{
	const bool is_ipv6 = strchr(address, ':');
	struct socket_address bytes = {{0}};

	assert_int_equal(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, address, bytes.bytes), 1);
	return peer_filter_has(filter, is_ipv6 ? SOCKET_IPV6 : SOCKET_IPV4, &bytes, port);
}

static const struct {
	const char *text;
	const char *address;
	uint16_t port;
	bool fits;
} fitting[] = {
    {"10.0.0.1", "10.0.0.1", 443, true},
    {"10.0.0.1", "10.0.0.2", 443, false},
    {"10.0.0.1", "a00:1::", 443, false},
    {"10.0.0.1:443", "10.0.0.1", 443, true},
    {"10.0.0.1:443", "10.0.0.1", 80, false},
    {":443", "192.0.2.7", 443, true},
    {":443", "2001:db8::1", 443, true},
    {":443", "192.0.2.7", 444, false},
    {":8000-8080", "192.0.2.7", 8080, true},
    {":8000-8080", "192.0.2.7", 8081, false},
    {"10.0.0.0/8", "10.255.0.9", 1, true},
    {"10.0.0.0/8", "11.0.0.0", 1, false},
    {"10.9.9.9/8", "10.255.0.9", 1, true},
    {"10.0.0.0/9", "10.127.255.255", 1, true},
    {"10.0.0.0/9", "10.128.0.0", 1, false},
    {"0.0.0.0/0", "192.0.2.7", 1, true},
    {"0.0.0.0/0", "::1", 1, false},
    {"10.0.0.0/8:443", "10.1.2.3", 443, true},
    {"10.0.0.0/8:443", "10.1.2.3", 80, false},
    {"::1", "::1", 7, true},
    {"[::1]", "::1", 7, true},
    {"[::1]:443", "::1", 443, true},
    {"[::1]:443", "::1", 444, false},
    {"2001:db8::/32", "2001:db8:ffff::1", 7, true},
    {"2001:db8::/32", "2001:db9::1", 7, false},
    {"[2001:db8::/32]:443", "2001:db8::9", 443, true},
    {"[2001:db8::]/32:443", "2001:db8::9", 443, true},
    {"[2001:db8::]/32", "2001:db8::9", 80, true},
    {"::/0", "192.0.2.7", 1, false},
    {"::ffff:10.0.0.1", "10.0.0.1", 1, true},
    {"::ffff:10.0.0.0/64", "10.0.0.1", 1, false},
    {"[::ffff:10.0.0.0/104]:443", "10.1.1.1", 443, true},
    {"10.0.0.1,:443", "192.0.2.7", 443, true},
    {"10.0.0.1,:443", "10.0.0.1", 80, true},
    {"10.0.0.1,:443", "192.0.2.7", 80, false},
};

static void peers_are_what_was_asked_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(fitting); i++) {
		struct peer_filter filter;
		const char *wrong = parse(fitting[i].text, &filter);

		if (wrong)
			fail_msg("\"%s\": %s", fitting[i].text, wrong);
		if (has(&filter, fitting[i].address, fitting[i].port) != fitting[i].fits)
			fail_msg("\"%s\" and %s:%u", fitting[i].text, fitting[i].address,
			    fitting[i].port);
	}
}

static void everything_fits_without_a_filter(void **state)
{
	const struct peer_filter none = {0};

	(void)state;
	assert_true(has(&none, "10.0.0.1", 1));
	assert_true(has(NULL, "::1", 1));
}

static void the_error_says_what_is_right(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
	    {"443", "must have a colon before a port"},
	    {"8000-8080", "must have a colon before a port"},
	    {"", "must be an address such as"},
	    {",", "must be an address such as"},
	    {"10.0.0.1,", "must be an address such as"},
	    {"example.org", "must be an address such as"},
	    {"example.org:443", "must be an address such as"},
	    {"10.0.0", "must be an address such as"},
	    {"10.0.0.1/33", "from 0 to 32"},
	    {"10.0.0.1/", "from 0 to 32"},
	    {"10.0.0.1/-1", "from 0 to 32"},
	    {"::1/129", "from 0 to 128"},
	    {"[::1", "must be an address such as"},
	    {"[]", "must be an address such as"},
	    {"[10.0.0.1]", "must be an address such as"},
	    {"[::1]x", "must be an address such as"},
	    {"[::1]:", "after the colon"},
	    {":", "after the colon"},
	    {":0", "after the colon"},
	    {":65536", "after the colon"},
	    {":http", "after the colon"},
	    {"10.0.0.1:", "after the colon"},
	    {"fe80::1%eth0", "without the name of an interface"},
	    {":1,:2,:3,:4,:5,:6,:7,:8,:9,:10,:11,:12,:13,:14,:15,:16,:17", "at most 16"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct peer_filter filter = {.length = 7};
		const char *wrong = parse(cases[i].text, &filter);

		if (!wrong || !strstr(wrong, cases[i].says))
			fail_msg("\"%s\": %s", cases[i].text, wrong ? wrong : "was taken");
		assert_int_equal(filter.length, 7);
	}
}

static void states_have_the_names_that_people_see(void **state)
{
	static const struct {
		const char *text;
		uint32_t tcp;
		uint32_t udp;
	} cases[] = {
	    {"established", 1u << SOCKET_ESTABLISHED, 0},
	    {"time-wait", 1u << SOCKET_TIME_WAIT, 0},
	    {"time_wait", 1u << SOCKET_TIME_WAIT, 0},
	    {"TIME_WAIT", 1u << SOCKET_TIME_WAIT, 0},
	    {"timewait", 1u << SOCKET_TIME_WAIT, 0},
	    {"fin-wait-1,fin-wait2", 1u << SOCKET_FIN_WAIT1 | 1u << SOCKET_FIN_WAIT2, 0},
	    {"listen,bound", 1u << SOCKET_LISTEN | 1u << SOCKET_BOUND, 0},
	    {"connected", 0, 1u << SOCKET_ESTABLISHED},
	    {"unconnected,syn-sent", 1u << SOCKET_SYN_SENT, 1u << SOCKET_CLOSE},
	};
	static const char *const bad[] = {"", ",", "listen,", "close", "unknown", "open",
	    "listening", "time wait", "-", "established established"};
	struct state_set states;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_null(state_expression_parse(cases[i].text, &states));
		assert_int_equal(states.of[SOCKET_TCP], cases[i].tcp);
		assert_int_equal(states.of[SOCKET_UDP], cases[i].udp);
	}
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (!state_expression_parse(bad[i], &states))
			fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(peers_are_what_was_asked_for),
	    cmocka_unit_test(everything_fits_without_a_filter),
	    cmocka_unit_test(the_error_says_what_is_right),
	    cmocka_unit_test(states_have_the_names_that_people_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
