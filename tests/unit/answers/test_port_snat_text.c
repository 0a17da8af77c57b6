// SPDX-License-Identifier: Apache-2.0
/* What is said of connections to which source NAT has given a port. */
#include "exporter/answers/port_snat_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stdout_capture.h"
#include "unit.h"

#define PORT 40004
#define FLOWS 9

static struct snat_flow list[FLOWS];
static uint32_t totals[PORTS];

/* length connections, of clients 10.0.0.1, 10.0.0.1, 10.0.0.2 and so on. */
static struct port_snat snat_of(size_t length)
{
	for (size_t i = 0; i < length; i++)
		list[i] = (struct snat_flow){
		    .port = PORT,
		    .client_port = (uint16_t)(5000 + i),
		    .remote_port = 443,
		    .client = {{10, 0, 0, (uint8_t)(1 + i / 2)}},
		    .address = {{192, 0, 2, 1}},
		    .remote = {{198, 51, 100, (uint8_t)(1 + i)}},
		};
	totals[PORT] = (uint32_t)length;
	return (struct port_snat){.totals = totals, .length = length, .list = list};
}

static char *printed(const struct port_snat *snat, size_t limit)
{
	stdout_capture();
	port_snat_print(snat, PORT, limit);
	return stdout_captured();
}

static void a_connection_has_two_lines(void **state)
{
	const struct port_snat snat = snat_of(1);
	char *found;

	(void)state;
	list[0].is_closing = true;
	found = printed(&snat, 20);
	assert_string_equal(found, "\nSource NAT has given it to 1 connection:\n\n"
				   "  tcp  closing      192.0.2.1:40004 -> 198.51.100.1:443\n"
				   "       SNAT of 10.0.0.1:5000\n");
	free(found);
}

static void what_is_long_is_wrapped(void **state)
{
	const char *text = "2001:db8:1111:2222:3333:4444:5555:6666";
	const struct port_snat snat = snat_of(1);
	char *found;

	(void)state;
	list[0].family = SOCKET_IPV6;
	list[0].protocol = SOCKET_UDP;
	assert_int_equal(inet_pton(AF_INET6, text, list[0].remote.bytes), 1);
	list[0].client = list[0].address = list[0].remote;
	found = printed(&snat, 20);
	assert_string_equal(found,
	    "\nSource NAT has given it to 1 connection:\n\n"
	    "  udp  active       [2001:db8:1111:2222:3333:4444:5555:6666]:40004\n"
	    "       -> [2001:db8:1111:2222:3333:4444:5555:6666]:443\n"
	    "       SNAT of [2001:db8:1111:2222:3333:4444:5555:6666]:5000\n");
	free(found);
}

static size_t count(const char *text, const char *word)
{
	size_t found = 0;

	for (; (text = strstr(text, word)); text++)
		found++;
	return found;
}

static void many_are_told_by_client(void **state)
{
	struct port_snat snat = snat_of(6);
	char *found = printed(&snat, 20);

	(void)state;
	assert_int_equal(count(found, "SNAT of"), 6);
	assert_null(strstr(found, "more"));
	free(found);
	snat = snat_of(9);
	found = printed(&snat, 20);
	assert_int_equal(count(found, "SNAT of"), 5);
	assert_non_null(strstr(found, "\n  and 4 more\n  They are of 5 clients: 10.0.0.1 (2), "
				      "10.0.0.2 (2), 10.0.0.3 (2) and 2 more.\n"));
	free(found);
	found = printed(&snat, 2);
	assert_int_equal(count(found, "SNAT of"), 2);
	assert_non_null(strstr(found, "\n  and 7 more\n"));
	free(found);
	totals[PORT] = 1009;
	found = printed(&snat, 20);
	assert_non_null(strstr(found, "given it to 1009 connections:\n"));
	assert_non_null(strstr(found, "\n  and 1004 more\n"));
	assert_non_null(strstr(found, "\n  Of 1000 only the number is known.\n"));
	free(found);
}

static void the_words_for_a_port_without_sockets(void **state)
{
	struct port_snat snat = snat_of(2);
	struct text text = {0};

	(void)state;
	assert_false(port_snat_add_words(&text, NULL, PORT));
	assert_false(port_snat_add_words(&text, &snat, PORT + 1));
	assert_int_equal(text.length, 0);
	assert_true(port_snat_add_words(&text, &snat, PORT));
	text_add_char(&text, '\0');
	assert_string_equal(text.data, "No socket of this host has it, but source NAT sends 2 "
				       "connections out from it.");
	free(text.data);
}

static void nothing_is_printed_of_nothing(void **state)
{
	char *found;

	(void)state;
	stdout_capture();
	port_snat_print(NULL, PORT, 20);
	found = stdout_captured();
	assert_string_equal(found, "");
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_connection_has_two_lines),
	    cmocka_unit_test(what_is_long_is_wrapped),
	    cmocka_unit_test(many_are_told_by_client),
	    cmocka_unit_test(the_words_for_a_port_without_sockets),
	    cmocka_unit_test(nothing_is_printed_of_nothing),
	};

	return cmocka_run_group_tests_name("port_snat_text", tests, NULL, NULL);
}
