// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/asked_mark.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

/* Longer than any address with a zone. */
#define PART "1111:1111:1111:1111:1111:1111:"
#define TOO_LONG PART PART PART "1111"

static const struct site site;

static const struct {
	const char *text;
	enum socket_family family;
	const char *address;
	uint16_t port;
	const char *interface;
} right[] = {
    {"10.0.0.1:443", SOCKET_IPV4, "10.0.0.1", 443, ""},
    {"10.0.0.1:65535", SOCKET_IPV4, "10.0.0.1", 65535, ""},
    {"[::1]:1", SOCKET_IPV6, "::1", 1, ""},
    {"[fe80::1%eth0]:443", SOCKET_IPV6, "fe80::1", 443, "eth0"},
    {"[fe80::1%3]:443", SOCKET_IPV6, "fe80::1", 443, "3"},
    {"[::ffff:10.0.0.1]:443", SOCKET_IPV4, "10.0.0.1", 443, ""},
};

static void a_destination_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(right); i++) {
		const int family = right[i].family == SOCKET_IPV6 ? AF_INET6 : AF_INET;
		struct socket_address address = {{0}};
		struct route route = {0};

		assert_null(asked_mark_parse_to(&site, right[i].text, &route));
		assert_int_equal(inet_pton(family, right[i].address, address.bytes), 1);
		assert_true(route.has_mark);
		assert_int_equal(route.mark.family, right[i].family);
		assert_memory_equal(&route.mark.address, &address, sizeof(address));
		assert_int_equal(route.mark.port, right[i].port);
		assert_string_equal(route.mark.interface, right[i].interface);
		assert_string_equal(route.mark.owner, "");
	}
}

static void what_is_no_destination_is_refused(void **state)
{
	static const char *const wrong[] = {"", ":", ":443", "443", "10.0.0.1",
	    "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:00443x", "10.0.0:443", "::1:443",
	    "[::1]", "[::1:443", "::1]:443", "[]:443", "[10.0.0.1]:443", "[fe80::1%]:443",
	    "[fe80::1%abcdefghijklmnop]:443", "host:443", "10.0.0.1:443 ", " 10.0.0.1:443",
	    "[" TOO_LONG "]:443"};

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		struct route route = {0};
		const char *said = asked_mark_parse_to(&site, wrong[i], &route);

		if (!said || !strstr(said, "10.0.0.1:443"))
			fail_msg("\"%s\": %s", wrong[i], said);
		assert_false(route.has_mark);
	}
}

static void an_owner_has_a_bounded_name(void **state)
{
	char name[MARK_OWNER_SIZE + 1];
	struct route route = {0};

	(void)state;
	memset(name, 'x', sizeof(name));
	name[MARK_OWNER_SIZE] = '\0';
	assert_non_null(asked_mark_parse_owner(&site, "", &route));
	assert_non_null(asked_mark_parse_owner(&site, name, &route));
	name[MARK_OWNER_SIZE - 1] = '\0';
	assert_null(asked_mark_parse_owner(&site, name, &route));
	assert_string_equal(route.mark.owner, name);
	/* One at a time. */
	assert_non_null(asked_mark_parse_owner(&site, "x", &route));
	assert_non_null(asked_mark_parse_to(&site, "10.0.0.1:443", &route));
}

static void as_many_as_fit_are_asked_for(void **state)
{
	struct marks_asked asked = {0};
	struct mark_asked mark = {.address = {{10}}};

	(void)state;
	for (unsigned i = 0; i < MARKS_MAX + 2; i++) {
		mark.port = (uint16_t)(i + 1);
		marks_asked_add(&asked, &mark);
		marks_asked_add(&asked, &mark);
		assert_int_equal(marks_asked_find(&asked, &mark), i < MARKS_MAX ? i : MARKS_MAX);
	}
	assert_int_equal(asked.length, MARKS_MAX);
}

static void each_difference_counts(void **state)
{
	const struct mark_asked mark = {.port = 443, .address = {{10}}};
	struct mark_asked others[5];

	(void)state;
	for (size_t i = 0; i < LENGTH(others); i++)
		others[i] = mark;
	others[0].port = 80;
	others[1].address.bytes[15] = 1;
	others[2].family = SOCKET_IPV6;
	strcpy(others[3].interface, "eth0");
	strcpy(others[4].owner, "x");
	assert_true(mark_asked_same(&mark, &mark));
	for (size_t i = 0; i < LENGTH(others); i++)
		assert_false(mark_asked_same(&mark, &others[i]));
}

static void an_answer_is_of_one_mark(void **state)
{
	struct route a = {0};
	struct route b = {0};

	(void)state;
	assert_true(route_is_same(&a, &b));
	assert_null(asked_mark_parse_to(&site, "10.0.0.1:443", &a));
	assert_false(route_is_same(&a, &b));
	assert_null(asked_mark_parse_to(&site, "10.0.0.1:444", &b));
	assert_false(route_is_same(&a, &b));
	b = (struct route){0};
	assert_null(asked_mark_parse_to(&site, "10.0.0.1:443", &b));
	assert_true(route_is_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_destination_is_read),
	    cmocka_unit_test(what_is_no_destination_is_refused),
	    cmocka_unit_test(an_owner_has_a_bounded_name),
	    cmocka_unit_test(as_many_as_fit_are_asked_for),
	    cmocka_unit_test(each_difference_counts),
	    cmocka_unit_test(an_answer_is_of_one_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
