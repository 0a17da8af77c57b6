// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_advice.h"

#include <stdlib.h>
#include <string.h>

#include "stdout_capture.h"
#include "unit.h"

static struct port_lookup lookup;
static struct port_answer answers[8];
static struct portset asked;

/* A host whose range is all dynamic, and one port of it reserved. Every port is asked for. */
static int set_up(void **state)
{
	(void)state;
	memset(&lookup, 0, sizeof(lookup));
	memset(answers, 0, sizeof(answers));
	memset(&asked, 0, sizeof(asked));
	portset_add_range(&asked, (struct port_range){1, 65535});
	lookup.answers = answers;
	lookup.settings.range = (struct port_range){50000, 50009};
	portset_add(&lookup.settings.reserved, 50004);
	return 0;
}

static void add_service(uint16_t port, bool lasting)
{
	answers[lookup.length++] =
	    (struct port_answer){.port = port, .has_lasting_listener = lasting};
}

/* NULL: none. */
static void assert_command(const char *wanted)
{
	struct port_advice advice;
	struct text text = {0};

	port_advice_find(&lookup, &asked, &advice);
	assert_int_equal(port_advice_add(&text, &lookup.settings, &advice), wanted != NULL);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, wanted ? wanted : "");
	free(text.data);
}

/* For one port with a listener or none. */
static void assert_advice(uint16_t port, bool lasting, const char *wanted)
{
	lookup.length = 0;
	add_service(port, lasting);
	assert_command(wanted);
}

#define RESERVE "sysctl -w net.ipv4.ip_local_reserved_ports="

static void a_listener_in_the_range_is_to_be_reserved(void **state)
{
	(void)state;
	assert_advice(50001, true, RESERVE "50001,50004");
	assert_advice(50000, true, RESERVE "50000,50004");
	assert_advice(50009, true, RESERVE "50004,50009");
}

static void nothing_else_is_to_be_reserved(void **state)
{
	(void)state;
	assert_advice(50001, false, NULL);
	assert_advice(50004, true, NULL);
	assert_advice(49999, true, NULL);
	assert_advice(50010, true, NULL);
}

/* The setting is one list: what is in it must stay in it. */
static void what_is_reserved_already_stays(void **state)
{
	(void)state;
	memset(&lookup.settings.reserved, 0, sizeof(lookup.settings.reserved));
	assert_advice(50005, true, RESERVE "50005");
	portset_add_range(&lookup.settings.reserved, (struct port_range){8080, 8090});
	portset_add(&lookup.settings.reserved, 1);
	portset_add(&lookup.settings.reserved, 50003);
	portset_add(&lookup.settings.reserved, 65535);
	assert_advice(50005, true, RESERVE "1,8080-8090,50003,50005,65535");
	/* Pieces that now touch become one. */
	portset_add(&lookup.settings.reserved, 50004);
	assert_advice(50005, true, RESERVE "1,8080-8090,50003-50005,65535");
	portset_add_range(&lookup.settings.reserved, (struct port_range){50006, 50009});
	assert_advice(50005, true, RESERVE "1,8080-8090,50003-50009,65535");
	/* The host's own list is not touched. */
	assert_false(portset_has(&lookup.settings.reserved, 50005));
}

/* One command for all: two of them would undo each other. */
static void several_are_reserved_at_once(void **state)
{
	(void)state;
	assert_command(NULL);
	add_service(80, true);
	add_service(50000, true);
	add_service(50001, false);
	add_service(50004, true);
	add_service(50008, true);
	add_service(50010, true);
	assert_command(RESERVE "50000,50004,50008");
	/* Others that share the look may have asked for more. */
	memset(&asked, 0, sizeof(asked));
	portset_add(&asked, 50008);
	assert_command(RESERVE "50004,50008");
}

/* It was to reach a service, which is locked out by it. */
static void the_port_of_a_connection_to_itself_is_a_services(void **state)
{
	struct port_socket found = {.role = PORT_ROLE_OUTBOUND};

	(void)state;
	found.socket.state = SOCKET_ESTABLISHED;
	found.socket.local_port = found.socket.remote_port = 50001;
	add_service(50001, false);
	answers[0].local = (struct port_side){.total = 1, .length = 1, .list = &found};
	assert_command(RESERVE "50001,50004");
	found.chosen = CHOSEN_YES; /* somebody's own doing */
	assert_command(NULL);
	found.chosen = CHOSEN_NO;
	found.socket.remote_port = 443;
	assert_command(NULL);
}

#define APPEND                                                              \
	" | dd of=/proc/sys/net/ipv4/ip_local_reserved_ports bs=4k seek=1 " \
	"conv=notrunc status=none"

/* The kernel takes one page of a write; only the new ones are added then. */
static void a_list_that_is_too_long_is_added_to(void **state)
{
	(void)state;
	for (uint16_t port = 10001; port < 12000; port += 2)
		portset_add(&lookup.settings.reserved, port);
	add_service(50001, true);
	add_service(50002, true);
	add_service(50004, true);
	assert_command("echo 50001-50002" APPEND);
}

/* No piece is longer than a page, and no number is cut in two. */
static void what_is_too_long_for_one_write_has_several(void **state)
{
	struct portset ports = {{0}};
	struct portset told = {{0}};
	struct text text = {0};
	size_t lines = 0;

	(void)state;
	lookup.settings.range = (struct port_range){30000, 65535};
	for (unsigned port = 30000; port < 33000; port += 2)
		portset_add(&ports, (uint16_t)port);
	assert_true(port_advice_add_command(&text, &lookup.settings, &ports));
	text_add_char(&text, '\0');
	for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		struct portset some = {{0}};
		char *end = strchr(line + strlen("echo "), ' ');

		assert_int_equal(strncmp(line, "echo ", 5), 0);
		assert_string_equal(end, APPEND);
		assert_in_range(end - line, 6, 4005);
		assert_int_equal(portset_parse(line + 5, (size_t)(end - line) - 5, &some), 0);
		portset_unite(&told, &some);
	}
	assert_int_equal(lines, 3); /* 1,500 ports of six characters each */
	assert_memory_equal(&told, &ports, sizeof(told));
	free(text.data);
}

static void assert_printed(const char *wanted)
{
	struct port_advice advice;
	char *printed;

	port_advice_find(&lookup, &asked, &advice);
	stdout_capture();
	port_advice_print(&lookup.settings, &advice);
	printed = stdout_captured();
	assert_string_equal(printed, wanted);
	free(printed);
}

static void people_are_told_what_it_does(void **state)
{
	(void)state;
	assert_printed("");
	add_service(50001, true);
	assert_printed("\nTo keep port 50001 for its service:\n  " RESERVE "50001,50004\n");
	add_service(50002, true);
	assert_printed("\nTo keep 2 ports for their services:\n  " RESERVE "50001-50002,50004\n");
}

/* Who follows it must not end up worse than before. */
static void who_has_few_ports_is_warned(void **state)
{
	(void)state;
	for (uint16_t port = 50005; port < 50010; port++)
		add_service(port, true);
	assert_printed("\nTo keep 5 ports for their services:\n  " RESERVE
		       "50004-50009\nConnections then have 4 of the range's 10 ports. Widen the "
		       "range if that is too\nfew.\n");
	portset_add_range(&lookup.settings.reserved, (struct port_range){50000, 50003});
	assert_command(NULL);
	assert_printed("\nReserving the ports of these services would leave no port for "
		       "connections. Widen\nthe range, or give the services ports outside it.\n");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, set_up)
	const struct CMUnitTest tests[] = {
	    TEST(a_listener_in_the_range_is_to_be_reserved),
	    TEST(nothing_else_is_to_be_reserved),
	    TEST(what_is_reserved_already_stays),
	    TEST(several_are_reserved_at_once),
	    TEST(the_port_of_a_connection_to_itself_is_a_services),
	    TEST(a_list_that_is_too_long_is_added_to),
	    TEST(what_is_too_long_for_one_write_has_several),
	    TEST(people_are_told_what_it_does),
	    TEST(who_has_few_ports_is_warned),
	};

	return cmocka_run_group_tests_name("port_advice", tests, NULL, NULL);
}
