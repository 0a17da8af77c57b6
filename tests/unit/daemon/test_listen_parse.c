// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "exporter/daemon/listen.h"
#include "guard_page.h"
#include "unit.h"

static const char *parse(const char *text, struct listen_address *ret_address)
{
	struct guarded guarded = guard(text, strlen(text) + 1, 1);
	const char *wrong = listen_parse(guarded.bytes, ret_address);

	guard_free(&guarded);
	return wrong;
}

#define FORMS "must be HOST:PORT, [IPV6]:PORT, :PORT or unix:PATH"

static void reads_addresses(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} good[] = {
	    {":10059", "", 10059},
	    {"127.0.0.1:1", "127.0.0.1", 1},
	    {"0.0.0.0:65535", "0.0.0.0", 65535},
	    {"localhost:80", "localhost", 80},
	    {"host.example:00080", "host.example", 80},
	    {"[::1]:80", "::1", 80},
	    {"[::]:10059", "::", 10059},
	    {"[fe80::1%eth0]:10059", "fe80::1%eth0", 10059},
	    {"[2001:db8::192.0.2.1]:10059", "2001:db8::192.0.2.1", 10059},
	    {"[unix]:80", "unix", 80}, /* a host of that name can still be said */
	    {"unix2:80", "unix2", 80},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		struct listen_address address;

		memset(&address, 'x', sizeof(address));
		if (parse(good[i].text, &address))
			fail_msg("%s: %s", good[i].text, parse(good[i].text, &address));
		assert_int_equal(address.kind, LISTEN_TCP);
		assert_string_equal(address.path, "");
		assert_string_equal(address.host, good[i].host);
		assert_int_equal(address.port, good[i].port);
	}
}

static void writes_what_it_reads(void **state)
{
	static const char *const same[] = {
	    ":10059",
	    "127.0.0.1:1",
	    "[::1]:65535",
	    "[fe80::1%eth0]:10059",
	    "host.example:80",
	    "[unix]:80",
	    "unix:/run/ephemera.sock",
	};
	char longest[LISTEN_HOST_SIZE + sizeof("[]:65535")];

	(void)state;
	for (size_t i = 0; i < LENGTH(same); i++) {
		struct listen_address address;
		char text[LISTEN_ADDRESS_TEXT];

		assert_null(parse(same[i], &address));
		listen_address_format(&address, text);
		assert_string_equal(text, same[i]);
	}

	struct listen_address address;
	char text[LISTEN_ADDRESS_TEXT];

	snprintf(longest, sizeof(longest), "[%0*d:]:65535", LISTEN_HOST_SIZE - 2, 0);
	assert_null(parse(longest, &address));
	listen_address_format(&address, text);
	assert_string_equal(text, longest);
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *wrong;
	} bad[] = {
	    {"", FORMS},
	    {"10059", FORMS},
	    {"localhost", FORMS},
	    {":", "the port must be a number from 1 to 65535"},
	    {"localhost:", "the port must be a number from 1 to 65535"},
	    {":0", "the port must be a number from 1 to 65535"},
	    {":65536", "the port must be a number from 1 to 65535"},
	    {":99999", "the port must be a number from 1 to 65535"},
	    {":4294967297", "the port must be a number from 1 to 65535"},
	    {":18446744073709551617", "the port must be a number from 1 to 65535"},
	    {":-1", "the port must be a number from 1 to 65535"},
	    {":+1", "the port must be a number from 1 to 65535"},
	    {": 80", "the port must be a number from 1 to 65535"},
	    {":80 ", "the port must be a number from 1 to 65535"},
	    {":0x50", "the port must be a number from 1 to 65535"},
	    {":http", "the port must be a number from 1 to 65535"},
	    {"unix", FORMS},
	    {"unix:", "the path is empty"},
	    {"unix:@", "must be a path: an abstract socket has no permissions"},
	    {"unix:@x", "must be a path: an abstract socket has no permissions"},
	    {"unix:@:80", "must be a path: an abstract socket has no permissions"},
	    {"UNIX:/x", "the port must be a number from 1 to 65535"},
	    {" unix:/x", "the port must be a number from 1 to 65535"},
	    {"[]:80", "there is no address in the brackets"},
	    {"::1:80", "an IPv6 address must be in brackets"},
	    {"::", "an IPv6 address must be in brackets"},
	    {"[::1:80", "an IPv6 address must be in brackets"},
	    {"::1]:80", "an IPv6 address must be in brackets"},
	    {"http://localhost:80", "an IPv6 address must be in brackets"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct listen_address address = {.port = 7};
		const char *wrong = parse(bad[i].text, &address);

		if (!wrong)
			fail_msg("\"%s\" was not refused", bad[i].text);
		assert_string_equal(wrong, bad[i].wrong);
		assert_int_equal(address.port, 7);
	}
}

static void a_host_has_a_longest_length(void **state)
{
	char text[LISTEN_HOST_SIZE + 16];
	struct listen_address address;

	(void)state;
	memset(text, 'h', sizeof(text));
	strcpy(text + LISTEN_HOST_SIZE - 1, ":80");
	assert_null(parse(text, &address));
	assert_int_equal(strlen(address.host), LISTEN_HOST_SIZE - 1);
	memset(text, 'h', sizeof(text));
	strcpy(text + LISTEN_HOST_SIZE, ":80");
	assert_string_equal(parse(text, &address), "the host is too long");
}

static void reads_paths(void **state)
{
	static const char *const paths[] = {"/run/ephemera.sock", "relative", "/a:80", ":80",
	    "/with a blank", "/", "unix:/x", "[::1]:80", "/@x"};

	(void)state;
	for (size_t i = 0; i < LENGTH(paths); i++) {
		struct listen_address address;
		char text[64];

		memset(&address, 'x', sizeof(address));
		snprintf(text, sizeof(text), "unix:%s", paths[i]);
		assert_null(parse(text, &address));
		assert_int_equal(address.kind, LISTEN_UNIX);
		assert_string_equal(address.path, paths[i]);
		assert_string_equal(address.host, "");
		assert_int_equal(address.port, 0);
	}
}

static void a_path_has_a_longest_length(void **state)
{
	char text[5 + LISTEN_PATH_SIZE + 1] = "unix:";
	struct listen_address address;

	(void)state;
	memset(text + 5, 'p', LISTEN_PATH_SIZE - 1);
	assert_null(parse(text, &address));
	assert_int_equal(strlen(address.path), 107);
	text[5 + LISTEN_PATH_SIZE - 1] = 'p';
	assert_string_equal(
	    parse(text, &address), "the path is too long: the kernel allows 107 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_addresses),
	    cmocka_unit_test(writes_what_it_reads),
	    cmocka_unit_test(says_what_is_wrong),
	    cmocka_unit_test(a_host_has_a_longest_length),
	    cmocka_unit_test(reads_paths),
	    cmocka_unit_test(a_path_has_a_longest_length),
	};

	return cmocka_run_group_tests_name("listen_parse", tests, NULL, NULL);
}
