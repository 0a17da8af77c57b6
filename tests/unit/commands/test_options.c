// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/commands.h"

#include <stdio.h>
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
	assert_int_equal(portset_count(&options.asked.ports), 0);
	assert_int_equal(portset_count(&options.asked.named), 0);
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
			    collector_flag_value(&collectors[i]->flags[j]) ? "" : "[no-]",
			    collectors[i]->name, collectors[i]->flags[j].name);
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
	    cmocka_unit_test(collectors_are_switched),
	    cmocka_unit_test(disabling_defaults_undoes_no_flag),
	    cmocka_unit_test(what_is_the_value_of_another_flag_is_no_flag),
	    cmocka_unit_test(what_was_asked_for_by_name_is_remembered),
	    cmocka_unit_test(help_and_version_end_the_reading),
	    cmocka_unit_test(the_help_names_every_flag_in_80_columns),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
