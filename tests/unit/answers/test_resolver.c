// SPDX-License-Identifier: Apache-2.0
/* A resolver of our own: of 10.0.0.0/8 it knows all names, of 127.0.0.0/8 none, others hang. */
#include "unit.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/kernel/clock.h"
#include "exporter/answers/resolver.h"

int __wrap_getnameinfo(const struct sockaddr *address, socklen_t length, char *name,
    socklen_t name_size, char *service, socklen_t service_size, int flags);

int __wrap_getnameinfo(const struct sockaddr *address, socklen_t length, char *name,
    socklen_t name_size, char *service, socklen_t service_size, int flags)
{
	const uint8_t *bytes =
	    (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;

	(void)length, (void)service, (void)service_size;
	if (flags != NI_NAMEREQD)
		return EAI_BADFLAGS;
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *address6 = (const void *)address;

		snprintf(name, name_size, "six-%u\033", address6->sin6_scope_id);
		return 0;
	}
	if (bytes[0] == 127)
		return EAI_NONAME;
	if (bytes[0] == 9)
		return EAI_AGAIN;
	while (bytes[0] != 10)
		pause();
	snprintf(name, name_size, "host-%u", bytes[3]);
	return 0;
}

static struct resolver_address ipv4(uint8_t first, uint8_t last)
{
	return (struct resolver_address){.address = {{first, 0, 0, last}}, .family = SOCKET_IPV4};
}

static void assert_no_child_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_names(void **state)
{
	struct resolver_address list[] = {ipv4(10, 1), ipv4(127, 1), ipv4(10, 2), ipv4(10, 1),
	    {.family = SOCKET_IPV6, .interface = 7}, {.family = SOCKET_IPV6, .interface = 8}};
	struct resolver *resolver;

	(void)state;
	assert_int_equal(resolver_run(list, 6, 60000, &resolver), 0);
	assert_no_child_is_left();
	assert_string_equal(resolver_name(resolver, 0), "host-1");
	assert_string_equal(resolver_name(resolver, 1), "");
	assert_string_equal(resolver_name(resolver, 2), "host-2");
	assert_string_equal(resolver_name(resolver, 3), "host-1");
	assert_string_equal(resolver_name(resolver, 4), "six-7?");
	assert_string_equal(resolver_name(resolver, 5), "six-8?");
	assert_int_equal(resolver_addresses(resolver), 5);
	assert_int_equal(resolver_unanswered(resolver), 0);
	resolver_free(resolver);
}

static void test_an_answer_that_there_is_no_answer(void **state)
{
	const struct resolver_address list[] = {ipv4(9, 1), ipv4(127, 1)};
	struct resolver *resolver;

	(void)state;
	assert_int_equal(resolver_run(list, 2, 60000, &resolver), 0);
	assert_int_equal(resolver_unanswered(resolver), 1);
	resolver_free(resolver);
}

/* Twenty hang; the one behind them has its name, and nobody is left who waits. */
static void test_a_resolver_that_is_dead(void **state)
{
	const struct timespec start = clock_now();
	struct resolver_address list[21];
	struct resolver *resolver;

	(void)state;
	for (uint8_t i = 0; i < 20; i++)
		list[i] = ipv4(192, i);
	list[20] = ipv4(10, 3);
	assert_int_equal(resolver_run(list, 21, 700, &resolver), 0);
	assert_true(clock_seconds_since(&start) >= 0.7);
	assert_true(clock_seconds_since(&start) < 10);
	assert_no_child_is_left();
	assert_string_equal(resolver_name(resolver, 0), "");
	assert_string_equal(resolver_name(resolver, 20), "host-3");
	assert_int_equal(resolver_unanswered(resolver), 20);
	resolver_free(resolver);
}

static void test_many(void **state)
{
	struct resolver_address list[200];
	struct resolver *resolver;

	(void)state;
	for (uint8_t i = 0; i < 200; i++)
		list[i] = ipv4(10, i);
	assert_int_equal(resolver_run(list, 200, 60000, &resolver), 0);
	for (size_t i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "host-%zu", i);
		assert_string_equal(resolver_name(resolver, i), name);
	}
	resolver_free(resolver);
}

static void test_none(void **state)
{
	struct resolver *resolver;

	(void)state;
	assert_int_equal(resolver_run(NULL, 0, 60000, &resolver), 0);
	assert_int_equal(resolver_unanswered(resolver), 0);
	resolver_free(resolver);
	resolver_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_an_answer_that_there_is_no_answer),
	    cmocka_unit_test(test_a_resolver_that_is_dead),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
