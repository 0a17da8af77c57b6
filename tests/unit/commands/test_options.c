// SPDX-License-Identifier: Apache-2.0
#include "collectors/binds.h"
#include "exporter/commands/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parse_options.h"
#include "unit.h"

static void defaults_are_those_of_the_help(void **state)
{
	(void)state;
	assert_result(parse_nothing(), 0);
	assert_ptr_equal(options.command, commands[0]);
	assert_int_equal(options.serve.addresses_length, 1);
	assert_string_equal(options.serve.addresses[0].host, "");
	assert_int_equal(options.serve.addresses[0].port, 10059);
	assert_string_equal(options.serve.telemetry_path, "/metrics");
	assert_int_equal(options.serve.max_requests, 40);
	assert_int_equal(options.serve.max_requests_per_address, 20);
	assert_int_equal(options.serve.max_connections, 256);
	assert_int_equal(options.serve.max_connections_per_address, 128);
	assert_int_equal(options.serve.max_header_bytes, 8192);
	assert_int_equal(options.serve.max_walks_per_second, 20);
	assert_int_equal(options.serve.addresses[0].kind, LISTEN_TCP);
	assert_int_equal(options.serve.socket_mode, 0660);
	assert_false(options.serve.systemd_socket);
	assert_null(options.serve.web_config);
	assert_int_equal(options.serve.sandbox_off, 0);
	assert_string_equal(options.serve.user, "nobody");
	assert_null(options.checked);
	assert_int_equal(options.serve.request_seconds, 10);
	assert_int_equal(options.serve.response_seconds, 30);
	assert_false(options.disable_exporter_metrics);
	assert_string_equal(options.procfs, "/proc");
	assert_int_equal(options.source.kind, SOURCE_AUTO);
	assert_null(options.source.replay);
	assert_null(options.source.record);
	assert_string_equal(options.source.procfs, "/proc");
	assert_string_equal(options.sysfs, "/sys");
	assert_int_equal(options.limit, 20);
	assert_false(options.json || options.watch || options.resolve || options.all_processes);
	assert_false(options.serve.enable_api);
	assert_int_equal(portset_count(&options.ports), 0);
	assert_int_equal(portset_count(&options.single_ports), 0);
	assert_int_equal(options.wanted, 0);
	assert_int_equal(options.log_level, LOG_LEVEL_INFO);
	assert_int_equal(options.log_format, LOG_FORMAT_LOGFMT);
	for (size_t i = 0; i < collectors_length; i++) {
		assert_int_equal(options.enabled >> i & 1, collectors[i]->on_by_default);
		for (size_t j = 0; collectors[i]->flags && collectors[i]->flags[j].name; j++) {
			assert_true(j < COLLECTOR_FLAGS_MAX);
			assert_int_equal(options.values[i][j], collectors[i]->flags[j].initial);
		}
	}
}

static void reads_every_flag(void **state)
{
	(void)state;
	assert_result(
	    PARSE("--web.listen-address=127.0.0.1:9000", "--web.telemetry-path=/m/x",
		"--web.max-requests=7", "--web.max-connections=11", "--web.request-timeout=13",
		"--web.response-timeout=2m", "--web.disable-exporter-metrics",
		"--sockets.source=procfs", "--path.procfs=/host/proc", "--path.sysfs=/host/sys",
		"--web.socket-mode=0606", "--web.config.file=web.yml",
		"--web.max-connections-per-address=5", "--web.max-header-bytes=4096",
		"--web.max-walks-per-second=3", "--security.sandbox=off",
		"--security.user=ephemera", "--log.level=debug", "--log.format=json"),
	    0);
	assert_int_equal(options.serve.addresses_length, 1);
	assert_string_equal(options.serve.addresses[0].host, "127.0.0.1");
	assert_int_equal(options.serve.addresses[0].port, 9000);
	assert_string_equal(options.serve.telemetry_path, "/m/x");
	assert_int_equal(options.serve.max_requests, 7);
	assert_int_equal(options.serve.max_connections, 11);
	assert_int_equal(options.serve.socket_mode, 0606);
	assert_string_equal(options.serve.web_config, "web.yml");
	assert_int_equal(options.serve.max_connections_per_address, 5);
	assert_int_equal(options.serve.max_header_bytes, 4096);
	assert_int_equal(options.serve.max_walks_per_second, 3);
	assert_int_equal(options.serve.sandbox_off, 1);
	assert_string_equal(options.serve.user, "ephemera");
	assert_int_equal(options.serve.request_seconds, 13);
	assert_int_equal(options.serve.response_seconds, 120);
	assert_true(options.disable_exporter_metrics);
	assert_int_equal(options.source.kind, SOURCE_PROCFS);
	assert_string_equal(options.procfs, "/host/proc");
	assert_string_equal(options.source.procfs, "/host/proc");
	assert_string_equal(options.sysfs, "/host/sys");
	assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(options.log_format, LOG_FORMAT_JSON);
}

static void a_value_may_be_the_next_word(void **state)
{
	(void)state;
	assert_result(PARSE("--web.max-requests", "7", "--log.level", "warn", "--path.procfs",
			  "--odd", "--collector.destinations.limit", "3"),
	    0);
	assert_int_equal(options.serve.max_requests, 7);
	assert_int_equal(options.log_level, LOG_LEVEL_WARN);
	assert_string_equal(options.procfs, "--odd");
	assert_int_equal(collector_value("destinations", "limit"), 3);
}

static void every_choice_is_taken(void **state)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};
	static const enum source_kind kinds[] = {
	    SOURCE_AUTO, SOURCE_BPF, SOURCE_SOCK_DIAG, SOURCE_PROCFS};
	static const char *const sources[] = {"auto", "bpf", "sock_diag", "procfs"};

	(void)state;
	for (size_t i = 0; i < LENGTH(levels); i++) {
		assert_result(PARSE("--log.level", levels[i]), 0);
		assert_int_equal(options.log_level, i);
	}
	for (size_t i = 0; i < LENGTH(sources); i++) {
		assert_result(PARSE("--sockets.source", sources[i]), 0);
		assert_int_equal(options.source.kind, kinds[i]);
	}
	assert_result(PARSE("--log.format=logfmt"), 0);
	assert_int_equal(options.log_format, LOG_FORMAT_LOGFMT);
}

static void the_last_of_a_flag_stands(void **state)
{
	(void)state;
	assert_result(PARSE("--web.max-requests=7", "--web.max-requests=9"), 0);
	assert_int_equal(options.serve.max_requests, 9);
}

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

static void a_health_check_takes_addresses(void **state)
{
	(void)state;
	assert_result(PARSE("healthcheck"), 0);
	assert_string_equal(options.command->name, "healthcheck");
	assert_int_equal(options.serve.addresses_length, 1);
	assert_int_equal(options.serve.addresses[0].port, 10059);
	assert_result(
	    PARSE("healthcheck", "--web.listen-address=:1", "--web.listen-address=:2"), 0);
	assert_int_equal(options.serve.addresses_length, 2);
	assert_refused(PARSE("healthcheck", "--web.systemd-socket"), "--web.systemd-socket", NULL);
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

static void one_file_can_be_checked(void **state)
{
	(void)state;
	assert_result(PARSE("check-config", "web.yml"), 0);
	assert_string_equal(options.command->name, "check-config");
	assert_string_equal(options.checked, "web.yml");
	assert_result(PARSE("check-config", "--log.level=warn", "metrics"), 0);
	assert_string_equal(options.checked, "metrics");
	assert_refused(PARSE("check-config"), "check-config", "needs a file");
	assert_refused(PARSE("check-config", "a.yml", "b.yml"), "b.yml", NULL);
	assert_refused(PARSE("check-config", "a.yml", "--json"), "--json", "port");
	assert_refused(PARSE("metrics", "check-config"), "check-config", NULL);
	assert_result(PARSE("check-config", "--help"), 0);
	assert_ptr_equal(options.command, &help_command);
}

static void collectors_are_switched(void **state)
{
	collector_set before;

	(void)state;
	assert_result(parse_nothing(), 0);
	before = options.enabled;
	assert_result(PARSE("--no-collector.sockets", "--no-collector.range"), 0);
	assert_int_equal(options.enabled, before & ~(bit("sockets") | bit("range")));
	assert_result(PARSE("--no-collector.sockets", "--collector.sockets"), 0);
	assert_int_equal(options.enabled, before);
	assert_result(PARSE("--collector.sockets", "--no-collector.sockets"), 0);
	assert_int_equal(options.enabled, before & ~bit("sockets"));
}

static void disabling_defaults_undoes_no_flag(void **state)
{
	(void)state;
	assert_result(PARSE("--collector.disable-defaults"), 0);
	assert_int_equal(options.enabled, 0);
	assert_result(PARSE("--collector.disable-defaults", "--collector.range"), 0);
	assert_int_equal(options.enabled, bit("range"));
	assert_result(PARSE("--collector.range", "--collector.disable-defaults"), 0);
	assert_int_equal(options.enabled, bit("range"));
	assert_result(PARSE("--collector.disable-defaults", "--collector.range",
			  "--no-collector.range", "--collector.binds"),
	    0);
	assert_int_equal(options.enabled, bit("binds"));
}

static void what_is_the_value_of_another_flag_is_no_flag(void **state)
{
	(void)state;
	assert_result(PARSE("--path.procfs", "--collector.disable-defaults"), 0);
	assert_string_equal(options.procfs, "--collector.disable-defaults");
	assert_true(options.enabled & bit("range"));
}

static void what_was_asked_for_by_name_is_remembered(void **state)
{
	(void)state;
	assert_result(PARSE("--collector.owners", "--collector.range"), 0);
	assert_int_equal(options.wanted, bit("owners") | bit("range"));
	assert_result(PARSE("--collector.owners", "--no-collector.owners"), 0);
	assert_int_equal(options.wanted, 0);
	assert_int_equal(options.enabled & bit("owners"), 0);
	assert_result(PARSE("--no-collector.owners", "--collector.owners"), 0);
	assert_int_equal(options.wanted, bit("owners"));
	assert_result(PARSE("--collector.disable-defaults", "--collector.churn"), 0);
	assert_int_equal(options.wanted, bit("churn"));
	/* A limit alone asks for nothing. */
	assert_result(PARSE("--collector.owners.limit=7"), 0);
	assert_int_equal(options.wanted, 0);
}

static void the_destinations_have_flags_of_their_own(void **state)
{
	static const char *const flags[] = {"--limit=7", "--json", "--watch", "--resolve"};
	static const char *const bad[] = {"", "0", "1001", "-1", "x", "7x", "7.5"};

	(void)state;
	assert_result(PARSE("destinations"), 0);
	assert_string_equal(options.command->name, "destinations");
	assert_int_equal(options.limit, 20);
	assert_false(options.json || options.watch || options.resolve);
	assert_result(PARSE("destinations", "--limit=7", "--json", "--watch", "--resolve"), 0);
	assert_int_equal(options.limit, 7);
	assert_true(options.json && options.watch && options.resolve);
	assert_result(PARSE("destinations", "--limit", "1"), 0);
	assert_int_equal(options.limit, 1);
	assert_result(PARSE("destinations", "--limit", "1000", "--path.sysfs=/s"), 0);
	assert_int_equal(options.limit, 1000);
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_refused(PARSE("destinations", "--limit", bad[i]), "--limit", bad[i]);
	assert_refused(PARSE("destinations", "--limit"), "--limit", "missing");
	assert_refused(PARSE("destinations", "--json=yes"), "--json", "yes");
	assert_refused(PARSE("destinations", "--watch="), "--watch", "\"\"");
	assert_refused(PARSE("destinations", "--sockets.record=x"), "--sockets.record", "metrics");
	assert_refused(PARSE("destinations", "metrics"), "metrics", NULL);
	for (size_t i = 0; i < LENGTH(flags); i++) {
		char name[32];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(flags[i], "="), flags[i]);
		assert_refused(PARSE(flags[i]), name, "destinations");
		assert_refused(PARSE("metrics", flags[i]), name, "destinations");
		assert_refused(PARSE(flags[i], "destinations"), name, "destinations");
	}
}

/* "FIRST-LAST " of each run of ports. */
static void assert_ports(const struct portset *ports, const char *wanted)
{
	struct port_range range;
	unsigned position = 0;
	char found[256] = "";

	while (portset_next_range(ports, &position, &range))
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%u-%u ",
		    range.first, range.last);
	assert_string_equal(found, wanted);
}

static void ports_are_asked_for_one_by_one_and_in_ranges(void **state)
{
	(void)state;
	assert_result(PARSE("port", "60416"), 0);
	assert_string_equal(options.command->name, "port");
	assert_ports(&options.ports, "60416-60416 ");
	assert_ports(&options.single_ports, "60416-60416 ");
	assert_result(PARSE("port", "8000-8080"), 0);
	assert_ports(&options.ports, "8000-8080 ");
	assert_ports(&options.single_ports, "");
	assert_result(PARSE("port", "443", "8000-8080", "80", "65535", "1"), 0);
	assert_ports(&options.ports, "1-1 80-80 443-443 8000-8080 65535-65535 ");
	assert_ports(&options.single_ports, "1-1 80-80 443-443 65535-65535 ");
	/* One that is in a range as well is still asked for by itself. */
	assert_result(PARSE("port", "8000-8080", "8001", "8079-9000", "8001"), 0);
	assert_ports(&options.ports, "8000-9000 ");
	assert_ports(&options.single_ports, "8001-8001 ");
	assert_result(PARSE("port", "1-65535"), 0);
	assert_ports(&options.ports, "1-65535 ");
	assert_result(PARSE("port", "7-7"), 0);
	assert_ports(&options.ports, "7-7 ");
	assert_ports(&options.single_ports, "");
}

static void ports_and_flags_come_in_any_order(void **state)
{
	(void)state;
	assert_result(PARSE("port", "--json", "80", "--limit", "7", "443", "--all-processes"), 0);
	assert_ports(&options.ports, "80-80 443-443 ");
	assert_true(options.json && options.all_processes);
	assert_false(options.watch);
	assert_int_equal(options.limit, 7);
	assert_result(PARSE("port", "--watch", "80"), 0);
	assert_true(options.watch);
	assert_false(options.json || options.all_processes);
	assert_int_equal(options.limit, 20);
	assert_result(PARSE("port", "80", "--sockets.source=procfs", "--path.procfs=/p",
			  "--path.sysfs", "/s"),
	    0);
	assert_int_equal(options.source.kind, SOURCE_PROCFS);
	assert_string_equal(options.source.procfs, "/p");
	assert_string_equal(options.sysfs, "/s");
	assert_result(PARSE("port", "--sockets.replay", "80", "443"), 0);
	assert_string_equal(options.source.replay, "80");
	assert_ports(&options.ports, "443-443 ");
	assert_result(PARSE("port", "80", "--help"), 0);
	assert_ptr_equal(options.command, &help_command);
	assert_result(PARSE("port", "80", "-h"), 0);
	assert_ptr_equal(options.command, &help_command);
	assert_result(PARSE("-h"), 0);
	assert_ptr_equal(options.command, &help_command);
}

static void the_port_command_has_flags_of_its_own(void **state)
{
	static const char *const bad[] = {"", "0", "1001", "-1", "x", "7x", "7.5"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_refused(PARSE("port", "80", "--limit", bad[i]), "--limit", bad[i]);
	assert_refused(PARSE("port", "80", "--all-processes=yes"), "--all-processes", "yes");
	assert_refused(PARSE("port", "80", "--resolve"), "--resolve", "destinations");
	assert_null(strstr(error, "ephemera port"));
	assert_refused(PARSE("destinations", "--all-processes"), "--all-processes", "port");
	assert_null(strstr(error, "destinations"));
	assert_refused(PARSE("--all-processes"), "--all-processes", "port");
	assert_refused(PARSE("metrics", "--all-processes"), "--all-processes", "port");
	/* Those that both have are told so. */
	assert_refused(PARSE("metrics", "--limit=7"), "--limit", "\"ephemera port\"");
	assert_non_null(strstr(error, "\"ephemera destinations\""));
	assert_refused(PARSE("port", "80", "--sockets.record=x"), "--sockets.record", "metrics");
	assert_result(PARSE("port", "80", "--limit", "1000"), 0);
	assert_int_equal(options.limit, 1000);
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

static void recording_and_replaying_exclude_each_other(void **state)
{
	(void)state;
	assert_result(PARSE("metrics", "--sockets.record=file"), 0);
	assert_string_equal(options.command->name, "metrics");
	assert_string_equal(options.source.record, "file");
	assert_result(PARSE("--sockets.replay=file"), 0);
	assert_int_equal(options.source.kind, SOURCE_REPLAY);
	assert_string_equal(options.source.replay, "file");
	assert_refused(PARSE("--sockets.record=file"), "--sockets.record", "metrics");
	assert_refused(PARSE("metrics", "--sockets.record=a", "--sockets.replay=b"),
	    "--sockets.replay", "--sockets.record");
	assert_refused(PARSE("metrics", "--sockets.source=procfs", "--sockets.replay=b"),
	    "--sockets.replay", "--sockets.source");
}

static void node_ports_are_a_range(void **state)
{
	(void)state;
	assert_result(PARSE("metrics"), 0);
	assert_int_equal(options.source.node_ports.last, 0);
	assert_result(PARSE("--service-node-port-range=30000-32767"), 0);
	assert_int_equal(options.source.node_ports.first, 30000);
	assert_int_equal(options.source.node_ports.last, 32767);
	/* The last word counts: a DaemonSet has one already. */
	assert_result(PARSE("port", "80", "--service-node-port-range=30000-32767",
			  "--service-node-port-range", "20000-20001"),
	    0);
	assert_int_equal(options.source.node_ports.first, 20000);
	assert_int_equal(options.source.node_ports.last, 20001);
	assert_refused(PARSE("--service-node-port-range=0-5"), "--service-node-port-range", "0-5");
	assert_refused(
	    PARSE("--service-node-port-range=5-4"), "--service-node-port-range", "end before");
	assert_refused(PARSE("--service-node-port-range="), "--service-node-port-range", NULL);
	assert_refused(PARSE("destinations", "--service-node-port-range=1-2"),
	    "--service-node-port-range",
	    "\"ephemera\" and \"ephemera metrics\" and \"ephemera port\"");
}

static void help_and_version_end_the_reading(void **state)
{
	(void)state;
	assert_result(PARSE("--help", "--nonsense"), 0);
	assert_ptr_equal(options.command, &help_command);
	assert_result(PARSE("metrics", "--version", "nonsense"), 0);
	assert_ptr_equal(options.command, &version_command);
	assert_refused(PARSE("--nonsense", "--help"), "--nonsense", NULL);
}

static void the_help_names_every_flag_in_80_columns(void **state)
{
	static const char *const flags[] = {"--web.listen-address=", "--web.telemetry-path=",
	    "--web.max-requests=", "--web.max-connections=", "--web.request-timeout=",
	    "--web.response-timeout=", "--web.disable-exporter-metrics",
	    "--sockets.source=", "--sockets.record=", "--sockets.replay=", "--path.procfs=",
	    "--path.sysfs=", "--limit=", "--json", "--watch", "--resolve", "--all-processes",
	    "--web.enable-api", "ephemera port ", "ephemera healthcheck ", "unix:PATH",
	    "--web.socket-mode=", "--web.systemd-socket", "--web.config.file=",
	    "--web.max-requests-per-address=", "--web.max-connections-per-address=",
	    "--web.max-header-bytes=", "--web.max-walks-per-second=", "--security.sandbox=",
	    "--security.user=", "ephemera check-config FILE",
	    "--log.level=", "--log.format=", "--collector.disable-defaults",
	    "--service-node-port-range="};
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	(void)state;
	assert_non_null(file);
	options_help(file);
	fclose(file);
	for (size_t i = 0; i < LENGTH(flags); i++)
		if (!strstr(text, flags[i]))
			fail_msg("%s is not in the help", flags[i]);
	for (size_t i = 0; i < collectors_length; i++) {
		char name[128];

		snprintf(name, sizeof(name), "collector.%s", collectors[i]->name);
		assert_non_null(strstr(text, name));
		for (size_t j = 0; collectors[i]->flags && collectors[i]->flags[j].name; j++) {
			snprintf(name, sizeof(name), "--%scollector.%s.%s",
			    collectors[i]->flags[j].by_default ? "[no-]" : "", collectors[i]->name,
			    collectors[i]->flags[j].name);
			assert_non_null(strstr(text, name));
		}
	}
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strlen(line) > 80)
			fail_msg("%zu columns: %s", strlen(line), line);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_are_those_of_the_help),
	    cmocka_unit_test(reads_every_flag),
	    cmocka_unit_test(a_value_may_be_the_next_word),
	    cmocka_unit_test(every_choice_is_taken),
	    cmocka_unit_test(the_last_of_a_flag_stands),
	    cmocka_unit_test(numbers_have_bounds),
	    cmocka_unit_test(durations_have_units),
	    cmocka_unit_test(modes_are_octal),
	    cmocka_unit_test(one_address_gets_half_of_the_connections),
	    cmocka_unit_test(one_address_gets_half_of_the_requests),
	    cmocka_unit_test(a_health_check_takes_addresses),
	    cmocka_unit_test(paths_to_listen_on_are_taken),
	    cmocka_unit_test(systemd_says_where_to_listen_or_the_flags_do),
	    cmocka_unit_test(the_sandbox_is_on_or_off),
	    cmocka_unit_test(one_file_can_be_checked),
	    cmocka_unit_test(collectors_are_switched),
	    cmocka_unit_test(disabling_defaults_undoes_no_flag),
	    cmocka_unit_test(what_is_the_value_of_another_flag_is_no_flag),
	    cmocka_unit_test(what_was_asked_for_by_name_is_remembered),
	    cmocka_unit_test(the_destinations_have_flags_of_their_own),
	    cmocka_unit_test(ports_are_asked_for_one_by_one_and_in_ranges),
	    cmocka_unit_test(ports_and_flags_come_in_any_order),
	    cmocka_unit_test(the_port_command_has_flags_of_its_own),
	    cmocka_unit_test(the_api_is_off_unless_asked_for),
	    cmocka_unit_test(recording_and_replaying_exclude_each_other),
	    cmocka_unit_test(node_ports_are_a_range),
	    cmocka_unit_test(help_and_version_end_the_reading),
	    cmocka_unit_test(the_help_names_every_flag_in_80_columns),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
