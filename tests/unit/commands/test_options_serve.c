// SPDX-License-Identifier: Apache-2.0
/* The daemon's flags, and what values may be. */
#include "exporter/commands/commands.h"

#include <stdio.h>
#include <string.h>

#include "parse_options.h"
#include "unit.h"

static void numbers_have_bounds(void **state)
{
	static const struct {
		const char *flag, *lowest, *highest, *below, *above;
	} flags[] = {
	    {"--web.max-requests", "1", "10000", "0", "10001"},
	    {"--web.max-requests-per-address", "1", "10000", "0", "10001"},
	    {"--web.max-connections", "2", "10000", "1", "10001"},
	    {"--web.max-connections-per-address", "1", "10000", "0", "10001"},
	    {"--web.max-header-bytes", "512", "65536", "511", "65537"},
	    {"--web.max-walks-per-second", "1", "1000", "0", "1001"},
	    {"--web.request-timeout", "1s", "1h", "0", "3601"},
	    {"--web.response-timeout", "1", "60m", "0s", "61m"},
	    {"--collector.destinations.limit", "0", "1000", "-1", "1001"},
	    {"--collector.destinations.minimum-ports", "0", "65536", "-1", "65537"},
	    {"--collector.destinations.tracked-limit", "1000", "100000000", "999", "100000001"},
	    {"--collector.binds.refresh-sockets", "0", "100000000", "-1", "100000001"},
	    {"--collector.binds.refresh-seconds", "0", "86400", "-1", "86401"},
	    {"--collector.binds.listeners-limit", "0", "10000", "-1", "10001"},
	    {"--collector.addresses.limit", "0", "1000", "-1", "1001"},
	    {"--collector.addresses.tracked-limit", "1", "65536", "0", "65537"},
	    {"--collector.accept_queue.limit", "0", "1000", "-1", "1001"},
	    {"--collector.owners.limit", "0", "1000", "-1", "1001"},
	};
	static const char *const nonsense[] = {"", " ", "x", "1x", "+1", " 1", "1 ", "0x10", "1.5",
	    "1e3", "18446744073709551615", "18446744073709551617",
	    "99999999999999999999999999999999999999999999999999999999999999999999999999999999999"};

	(void)state;
	for (size_t i = 0; i < LENGTH(flags); i++) {
		assert_result(PARSE(flags[i].flag, flags[i].lowest), 0);
		assert_result(PARSE(flags[i].flag, flags[i].highest), 0);
		assert_refused(PARSE(flags[i].flag, flags[i].below), flags[i].flag, flags[i].below);
		assert_refused(PARSE(flags[i].flag, flags[i].above), flags[i].flag, flags[i].above);
		for (size_t j = 0; j < LENGTH(nonsense); j++) {
			/* A very long value is cut off, and still told. */
			char shown[81];

			snprintf(shown, sizeof(shown), "%s", nonsense[j]);
			assert_refused(PARSE(flags[i].flag, nonsense[j]), flags[i].flag, shown);
		}
	}
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		unsigned long seconds;
	} good[] = {{"90", 90}, {"90s", 90}, {"5m", 300}, {"1h", 3600}, {"003600", 3600}};
	static const char *const bad[] = {
	    "s", "m", "1d", "1ms", "1 s", "1S", "1sm", "-1s", "2h", "9999999", "0h", "1.5m"};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		assert_result(PARSE("--web.request-timeout", good[i].text), 0);
		assert_int_equal(options.serve.request_seconds, good[i].seconds);
	}
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_refused(
		    PARSE("--web.response-timeout", bad[i]), "--web.response-timeout", bad[i]);
}

static void modes_are_octal(void **state)
{
	static const struct {
		const char *text;
		unsigned long mode;
	} good[] = {{"0", 0}, {"660", 0660}, {"0660", 0660}, {"0000", 0}, {"777", 0777},
	    {"0777", 0777}, {"7", 7}};
	static const char *const bad[] = {"", " ", "8", "0o660", "0x1b0", "1000", "7777", "00660",
	    "-1", "+660", " 660", "660 ", "rw-rw----", "66a"};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		assert_result(PARSE("--web.socket-mode", good[i].text), 0);
		assert_int_equal(options.serve.socket_mode, good[i].mode);
	}
	for (size_t i = 0; i < LENGTH(bad); i++) {
		assert_refused(PARSE("--web.socket-mode", bad[i]), "--web.socket-mode", bad[i]);
		assert_non_null(strstr(error, "0777"));
	}
}

static void one_address_gets_half_of_the_connections(void **state)
{
	(void)state;
	assert_result(PARSE("--web.max-connections=10"), 0);
	assert_int_equal(options.serve.max_connections_per_address, 5);
	assert_result(PARSE("--web.max-connections=11"), 0);
	assert_int_equal(options.serve.max_connections_per_address, 6);
	assert_result(PARSE("--web.max-connections=2"), 0);
	assert_int_equal(options.serve.max_connections_per_address, 1);
	assert_result(PARSE("--web.max-connections=10", "--web.max-connections-per-address=9"), 0);
	assert_int_equal(options.serve.max_connections_per_address, 9);
}

static void one_address_gets_half_of_the_requests(void **state)
{
	(void)state;
	assert_result(PARSE("--web.max-requests=10"), 0);
	assert_int_equal(options.serve.max_requests_per_address, 5);
	assert_result(PARSE("--web.max-requests=1"), 0);
	assert_int_equal(options.serve.max_requests_per_address, 1);
	assert_result(PARSE("--web.max-requests-per-address=9", "--web.max-requests=10"), 0);
	assert_int_equal(options.serve.max_requests_per_address, 9);
}

static void paths_to_listen_on_are_taken(void **state)
{
	char text[128] = "unix:";

	(void)state;
	assert_result(
	    PARSE("--web.listen-address=unix:/run/x.sock", "--web.listen-address", ":80"), 0);
	assert_int_equal(options.serve.addresses_length, 2);
	assert_int_equal(options.serve.addresses[0].kind, LISTEN_UNIX);
	assert_string_equal(options.serve.addresses[0].path, "/run/x.sock");
	assert_int_equal(options.serve.addresses[1].kind, LISTEN_TCP);
	assert_int_equal(options.serve.addresses[1].port, 80);
	assert_refused(PARSE("--web.listen-address=unix:"), "--web.listen-address", "empty");
	assert_refused(PARSE("--web.listen-address=unix:@x"), "--web.listen-address", "unix:@x");
	memset(text + 5, 'p', sizeof(text) - 6);
	assert_refused(PARSE("--web.listen-address", text), "--web.listen-address", "too long");
	assert_non_null(strstr(error, "unix:pppp"));
}

static void systemd_says_where_to_listen_or_the_flags_do(void **state)
{
	(void)state;
	assert_result(PARSE("--web.systemd-socket"), 0);
	assert_true(options.serve.systemd_socket);
	assert_int_equal(options.serve.addresses_length, 0);
	assert_refused(PARSE("--web.systemd-socket", "--web.listen-address=:80"),
	    "--web.systemd-socket", "--web.listen-address");
	assert_refused(PARSE("--web.listen-address=unix:/x", "--web.systemd-socket"),
	    "--web.systemd-socket", "--web.listen-address");
}

static void the_sandbox_is_on_or_off(void **state)
{
	(void)state;
	assert_result(PARSE("--security.sandbox=off"), 0);
	assert_int_equal(options.serve.sandbox_off, 1);
	assert_result(PARSE("--security.sandbox=off", "--security.sandbox=on"), 0);
	assert_int_equal(options.serve.sandbox_off, 0);
	assert_refused(PARSE("--security.sandbox=none"), "--security.sandbox", "none");
	assert_non_null(strstr(error, "must be one of on, off"));
}

static void the_api_is_off_unless_asked_for(void **state)
{
	(void)state;
	assert_result(PARSE("--web.enable-api"), 0);
	assert_true(options.serve.enable_api);
	assert_refused(PARSE("--web.enable-api=yes"), "--web.enable-api", "yes");
	assert_refused(PARSE("--web.telemetry-path=/api/x"), "--web.telemetry-path", "/api/x");
	assert_refused(PARSE("--web.telemetry-path=/pages/x"), "--web.telemetry-path", "/pages/x");
	assert_result(PARSE("--web.telemetry-path=/apix"), 0);
	assert_result(PARSE("--web.telemetry-path=/metrics/api/"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_have_bounds),
	    cmocka_unit_test(durations_have_units),
	    cmocka_unit_test(modes_are_octal),
	    cmocka_unit_test(one_address_gets_half_of_the_connections),
	    cmocka_unit_test(one_address_gets_half_of_the_requests),
	    cmocka_unit_test(paths_to_listen_on_are_taken),
	    cmocka_unit_test(systemd_says_where_to_listen_or_the_flags_do),
	    cmocka_unit_test(the_sandbox_is_on_or_off),
	    cmocka_unit_test(the_api_is_off_unless_asked_for),
	};

	return cmocka_run_group_tests_name("options_serve", tests, NULL, NULL);
}
