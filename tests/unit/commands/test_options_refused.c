// SPDX-License-Identifier: Apache-2.0
/* What a command line may not have, and what is said about it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/binds.h"
#include "parse_options.h"
#include "unit.h"

static void choices_are_named(void **state)
{
	static const char *const flags[] = {
	    "--log.level", "--log.format", "--sockets.source", "--security.sandbox"};
	static const char *const bad[] = {"", "nonsense", "INFO", "inf", "infos", "replay"};

	(void)state;
	for (size_t i = 0; i < LENGTH(flags); i++)
		for (size_t j = 0; j < LENGTH(bad); j++)
			assert_refused(PARSE(flags[i], bad[j]), flags[i], bad[j]);
	assert_refused(
	    PARSE("--log.level=x"), "--log.level", "must be one of debug, info, warn, error");
}

static void addresses_add_up_to_a_limit(void **state)
{
	const char *argv[LISTEN_ADDRESSES_MAX + 3] = {"ephemera"};

	(void)state;
	for (int i = 1; i <= LISTEN_ADDRESSES_MAX; i++)
		argv[i] = "--web.listen-address=[::1]:8080";
	assert_result(parse(argv), 0);
	assert_int_equal(options.serve.addresses_length, LISTEN_ADDRESSES_MAX);
	argv[LISTEN_ADDRESSES_MAX + 1] = "--web.listen-address=:8081";
	assert_refused(parse(argv), "--web.listen-address", "16");
}

static void wrong_addresses_are_named(void **state)
{
	static const char *const bad[] = {"", ":", ":0", ":65536", "localhost", "::1:80", "[]:80"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_refused(
		    PARSE("--web.listen-address", bad[i]), "--web.listen-address", bad[i]);
}

static void paths_are_checked(void **state)
{
	static const char *const bad[] = {
	    "metrics", "/", "/-/healthy", "/-/", "/a b", "/a?b", "/a#b", "/%41", ""};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_refused(
		    PARSE("--web.telemetry-path", bad[i]), "--web.telemetry-path", bad[i]);
	assert_result(PARSE("--web.telemetry-path=/-metrics"), 0);
}

static void an_empty_value_is_no_value(void **state)
{
	static const char *const flags[] = {"--path.procfs=", "--path.sysfs=", "--sockets.record=",
	    "--sockets.replay=", "--web.telemetry-path=", "--web.config.file=", "--security.user="};

	(void)state;
	for (size_t i = 0; i < LENGTH(flags); i++) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)strlen(flags[i]) - 1, flags[i]);
		assert_refused(PARSE("metrics", flags[i]), name, "empty");
	}
}

static void a_missing_value_is_told(void **state)
{
	static const char *const flags[] = {"--web.listen-address", "--web.telemetry-path",
	    "--web.max-requests", "--web.max-connections", "--web.request-timeout",
	    "--web.response-timeout", "--sockets.source", "--sockets.record", "--sockets.replay",
	    "--path.procfs", "--path.sysfs", "--log.level", "--log.format", "--web.socket-mode",
	    "--web.config.file", "--web.max-connections-per-address", "--web.max-header-bytes",
	    "--web.max-requests-per-address", "--web.max-walks-per-second", "--security.sandbox",
	    "--security.user", "--collector.destinations.limit"};

	(void)state;
	for (size_t i = 0; i < LENGTH(flags); i++)
		assert_refused(PARSE("metrics", flags[i]), flags[i], "missing");
}

static void a_switch_takes_no_value(void **state)
{
	static const char *const flags[] = {"--web.disable-exporter-metrics", "--help", "--version",
	    "--collector.disable-defaults", "--collector.range", "--no-collector.range",
	    "--web.systemd-socket", "--web.enable-api"};

	(void)state;
	for (size_t i = 0; i < LENGTH(flags); i++) {
		char argument[64];

		snprintf(argument, sizeof(argument), "%s=yes", flags[i]);
		assert_refused(PARSE(argument), flags[i], "yes");
		snprintf(argument, sizeof(argument), "%s=", flags[i]);
		assert_refused(PARSE(argument), flags[i], "\"\"");
	}
}

static void unknown_flags_are_named(void **state)
{
	static const char *const flags[] = {"--nonsense", "--web", "--web.", "--web.listen",
	    "--web.listen-addresses", "--Web.max-requests", "--collector.range.limit",
	    "--collector.nonsense.limit", "--collector.destinations.", "--collector..limit",
	    "--collector.destinations.nonsense", "--no-web.disable-exporter-metrics",
	    "--web.max-requests.", "--collector.nonsense", "--no-collector.nonsense",
	    "--collector.", "--no-collector.", "--no-collector.destinations.limit",
	    "--a-flag-whose-name-is-longer-than-any-that-could-possibly-be-a-flag-of-ours"};

	(void)state;
	for (size_t i = 0; i < LENGTH(flags); i++) {
		char argument[128];

		assert_refused(PARSE(flags[i]), flags[i], NULL);
		snprintf(argument, sizeof(argument), "%s=7", flags[i]);
		assert_refused(PARSE(argument), flags[i], NULL);
	}
}

static void words_that_are_no_flags_are_named(void **state)
{
	static const char *const words[] = {
	    "nonsense", "", "-", "--", "-x", "-web.max-requests=7", "Metrics", "metrics "};

	(void)state;
	for (size_t i = 0; i < LENGTH(words); i++) {
		assert_refused(PARSE(words[i]), words[i], words[i]);
		assert_refused(PARSE("metrics", words[i]), words[i], words[i]);
		assert_refused(PARSE("--log.level=warn", words[i]), words[i], words[i]);
	}
	assert_refused(PARSE("--log.level=warn", "metrics"), "metrics", NULL);
	assert_refused(PARSE("metrics", "metrics"), "metrics", NULL);
}

static void what_is_quoted_cannot_speak_to_a_terminal(void **state)
{
	(void)state;
	assert_refused(PARSE("--\033[31mred\n"), "--?[31mred?", NULL);
	assert_refused(PARSE("--log.level=\033]0;x\a"), "--log.level", "?]0;x?");
}

static void a_very_long_argument_is_cut_off(void **state)
{
	static char argument[100003];

	(void)state;
	memset(argument, 'x', sizeof(argument) - 1);
	assert_refused(PARSE(argument), "xxxx", NULL);
	memcpy(argument, "--", 2);
	assert_refused(PARSE(argument), "--xxxx", NULL);
	memcpy(argument, "--log.level=", 12);
	assert_refused(PARSE(argument), "--log.level", "xxxx");
	memcpy(argument, "--web.listen-address=", 21);
	assert_refused(PARSE(argument), "--web.listen-address", "xxxx");
}

static void a_collectors_switch_takes_no_value(void **state)
{
	(void)state;
	assert_result(parse_nothing(), 0);
	assert_int_equal(collector_value("binds", "buckets"), BINDS_BUCKETS_BY_DEFAULT);
	assert_result(PARSE("--collector.binds.buckets"), 0);
	assert_int_equal(collector_value("binds", "buckets"), 1);
	assert_result(PARSE("--collector.binds.buckets", "--no-collector.binds.buckets"), 0);
	assert_int_equal(collector_value("binds", "buckets"), 0);
	/* It is the collector's own, and switches no collector. */
	assert_int_equal(options.wanted, 0);
	assert_true(options.enabled & bit("binds"));
	assert_refused(PARSE("--collector.binds.buckets=1"), "--collector.binds.buckets", "1");
	assert_refused(
	    PARSE("--no-collector.binds.buckets=0"), "--no-collector.binds.buckets", "0");
}

static void words_that_are_no_ports_are_named(void **state)
{
	static const char *const bad[] = {"0", "65536", "no-such-service", "80x", "-1", "80,",
	    "8000-", "8080-8000", "1-65536", "metrics", "port", "", " 80", "-", "--"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		assert_refused(PARSE("port", bad[i]), "port", bad[i]);
		assert_refused(PARSE("port", "80", bad[i]), "port", bad[i]);
	}
	assert_refused(PARSE("port"), "port", "60416");
	assert_refused(PARSE("port", "--json"), "port", "60416");
	assert_refused(PARSE("port", "\x1b[2J\xff"), "port", "?[2J?");
	assert_null(strchr(error, '\x1b'));
	/* Only a command may come first. */
	assert_refused(PARSE("80"), "80", NULL);
	assert_refused(PARSE("--json", "port", "80"), "--json", NULL);
	assert_refused(PARSE("metrics", "port"), "port", NULL);
	assert_refused(PARSE("destinations", "80"), "80", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(choices_are_named),
	    cmocka_unit_test(addresses_add_up_to_a_limit),
	    cmocka_unit_test(wrong_addresses_are_named),
	    cmocka_unit_test(paths_are_checked),
	    cmocka_unit_test(an_empty_value_is_no_value),
	    cmocka_unit_test(a_missing_value_is_told),
	    cmocka_unit_test(a_switch_takes_no_value),
	    cmocka_unit_test(unknown_flags_are_named),
	    cmocka_unit_test(words_that_are_no_flags_are_named),
	    cmocka_unit_test(what_is_quoted_cannot_speak_to_a_terminal),
	    cmocka_unit_test(a_very_long_argument_is_cut_off),
	    cmocka_unit_test(a_collectors_switch_takes_no_value),
	    cmocka_unit_test(words_that_are_no_ports_are_named),
	};

	return cmocka_run_group_tests_name("options_refused", tests, NULL, NULL);
}
