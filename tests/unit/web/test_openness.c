// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/openness.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

#define LISTENING "every address, port 10059"

static char *say(const struct openness *openness, bool api)
{
	struct text text = {0};

	openness_add(&text, openness, LISTENING, api);
	text_add_char(&text, '\0');
	assert_int_equal(text.error, 0);
	return text.data;
}

/* Every combination: whoever is not known reads no address and, where refused, nothing of the API.
 */
static void nobody_learns_what_he_cannot_find_out(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 32; bits++) {
		struct openness openness = {
		    .password = bits & 1,
		    .certificate = bits & 2,
		    .has_password = (bits & 4) && (bits & 1),
		    .is_local = bits & 8,
		    .reached = "192.0.2.7:10059",
		};
		const bool api = bits & 16;
		const bool may_ask = !openness.password || openness.has_password;
		const bool knows =
		    openness.has_password || (openness.is_local && !openness.password);
		char *said = say(&openness, api);

		assert_int_equal(strstr(said, LISTENING) != NULL, knows);
		assert_int_equal(strstr(said, openness.reached) != NULL, !knows);
		assert_int_equal(strstr(said, "The API is on") != NULL, may_ask && api);
		assert_int_equal(strstr(said, "The API is off") != NULL, may_ask && !api);
		assert_int_equal(strstr(said, "no password") != NULL, !openness.password);
		free(said);
	}
}

static void what_is_not_known_is_left_out(void **state)
{
	const struct openness openness = {.is_local = true};
	struct text text = {0};

	(void)state;
	openness_add(&text, &openness, NULL, false);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, "You reached it at a unix socket. It asks for no password: "
				       "everyone who can connect can read the metrics. The API is "
				       "off.");
	free(text.data);
}

/* Where a client of that address family arrives; mapped: IPv4 at a socket of both. */
static void assert_address(int family, const char *host, const char *format)
{
	struct openness openness = {0};
	char wanted[OPENNESS_ADDRESS_SIZE];
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};
	struct sockaddr_in ipv4 = {.sin_family = AF_INET};
	struct sockaddr *any =
	    family == AF_INET ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&address;
	socklen_t size = family == AF_INET ? sizeof(ipv4) : sizeof(address);
	const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int off = 0;

	if (fd < 0)
		return; /* a host without IPv6 */
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(inet_pton(family, host,
			     family == AF_INET ? (void *)&ipv4.sin_addr : &address.sin6_addr),
	    1);
	if (bind(fd, any, size) == 0) {
		assert_int_equal(getsockname(fd, any, &size), 0);
		/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
		snprintf(wanted, sizeof(wanted), format,
		    ntohs(family == AF_INET ? ipv4.sin_port : address.sin6_port));
		openness_find_address(fd, &openness);
		assert_string_equal(openness.reached, wanted);
	}
	close(fd);
}

static void addresses_are_as_people_write_them(void **state)
{
	struct openness openness = {0};
	int pair[2];

	(void)state;
	assert_address(AF_INET, "127.0.0.1", "127.0.0.1:%u");
	assert_address(AF_INET6, "::1", "[::1]:%u");
	assert_address(AF_INET6, "::ffff:127.0.0.1", "127.0.0.1:%u");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	openness_find_address(pair[0], &openness);
	assert_string_equal(openness.reached, "");
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_learns_what_he_cannot_find_out),
	    cmocka_unit_test(what_is_not_known_is_left_out),
	    cmocka_unit_test(addresses_are_as_people_write_them),
	};

	return cmocka_run_group_tests_name("openness", tests, NULL, NULL);
}
