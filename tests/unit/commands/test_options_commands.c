// SPDX-License-Identifier: Apache-2.0
/* Commands, and the flags that they have. */
#include "exporter/commands/commands.h"

#include <stdio.h>
#include <string.h>

#include "parse_options.h"
#include "unit.h"

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
	assert_ports(&options.asked.ports, "60416-60416 ");
	assert_ports(&options.asked.named, "60416-60416 ");
	assert_result(PARSE("port", "8000-8080"), 0);
	assert_ports(&options.asked.ports, "8000-8080 ");
	assert_ports(&options.asked.named, "");
	assert_result(PARSE("port", "443", "8000-8080", "80", "65535", "1"), 0);
	assert_ports(&options.asked.ports, "1-1 80-80 443-443 8000-8080 65535-65535 ");
	assert_ports(&options.asked.named, "1-1 80-80 443-443 65535-65535 ");
	/* One that is in a range as well is still asked for by itself. */
	assert_result(PARSE("port", "8000-8080", "8001", "8079-9000", "8001"), 0);
	assert_ports(&options.asked.ports, "8000-9000 ");
	assert_ports(&options.asked.named, "8001-8001 ");
	assert_result(PARSE("port", "1-65535"), 0);
	assert_ports(&options.asked.ports, "1-65535 ");
	assert_result(PARSE("port", "7-7"), 0);
	assert_ports(&options.asked.ports, "7-7 ");
	assert_ports(&options.asked.named, "");
}

static void ports_and_flags_come_in_any_order(void **state)
{
	(void)state;
	assert_result(PARSE("port", "--json", "80", "--limit", "7", "443", "--all-processes"), 0);
	assert_ports(&options.asked.ports, "80-80 443-443 ");
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
	assert_ports(&options.asked.ports, "443-443 ");
	assert_result(PARSE("port", "80", "--help"), 0);
	assert_ptr_equal(options.command, &help_command);
	assert_ptr_equal(options.about, command_find("port"));
	assert_result(PARSE("port", "80", "-h"), 0);
	assert_ptr_equal(options.command, &help_command);
	assert_result(PARSE("-h"), 0);
	assert_ptr_equal(options.command, &help_command);
	assert_null(options.about);
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
	    "\"ephemera\", \"ephemera metrics\", \"ephemera port\" and \"ephemera advise\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_health_check_takes_addresses),
	    cmocka_unit_test(one_file_can_be_checked),
	    cmocka_unit_test(the_destinations_have_flags_of_their_own),
	    cmocka_unit_test(ports_are_asked_for_one_by_one_and_in_ranges),
	    cmocka_unit_test(ports_and_flags_come_in_any_order),
	    cmocka_unit_test(the_port_command_has_flags_of_its_own),
	    cmocka_unit_test(recording_and_replaying_exclude_each_other),
	    cmocka_unit_test(node_ports_are_a_range),
	};

	return cmocka_run_group_tests_name("options_commands", tests, NULL, NULL);
}
