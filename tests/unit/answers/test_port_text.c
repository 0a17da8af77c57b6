// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port_printed.h"

static struct port_lookup lookup;
static struct process_search processes;
static struct process process;
static struct holding holdings[12];

static int set_up(void **state)
{
	(void)state;
	memset(&lookup, 0, sizeof(lookup));
	lookup.settings.range = (struct port_range){50000, 50009};
	lookup.settings.unprivileged_first_port = 1024;
	process = (struct process){.pid = 12, .name = "nginx"};
	holdings[0] = (struct holding){4711, 12, 3};
	processes = (struct process_search){
	    .processes_length = 1,
	    .processes = &process,
	    .holdings = {.length = 1, .list = holdings},
	    .whole = true,
	};
	lookup.processes = &processes;
	return 0;
}

#define MEANING                                                                             \
	"       A service for this host only: it listens on a loopback address. Its port\n" \
	"       is in the ephemeral range: while it is down, an outgoing connection can\n"  \
	"       take the port and keep it from starting again.\n"

static void assert_details(const struct port_socket *found, const char *wanted)
{
	char *printed = print_details(&lookup, found);

	assert_string_equal(printed, wanted);
	free(printed);
}

static void assert_socket(const struct socket *socket, const char *was, const char *wanted)
{
	char *printed;

	stdout_capture();
	port_text_print_socket(socket, 2, was);
	printed = stdout_captured();
	assert_string_equal(printed, wanted);
	free(printed);
}

static void sockets_have_a_line(void **state)
{
	struct socket socket;

	(void)state;
	socket = make_socket(SOCKET_ESTABLISHED, "127.0.0.1", 50001, "192.0.2.9", 443);
	assert_socket(&socket, NULL, "tcp  established  127.0.0.1:50001 -> 192.0.2.9:443\n");
	assert_socket(&socket, "syn_sent",
	    "tcp  established  127.0.0.1:50001 -> 192.0.2.9:443 was syn_sent\n");
	socket = make_socket(SOCKET_LISTEN, "::", 8080, "::", 0);
	assert_socket(&socket, NULL, "tcp  listen       [::]:8080\n");
	socket = make_socket(SOCKET_CLOSE, "0.0.0.0", 53, "0.0.0.0", 0);
	socket.protocol = SOCKET_UDP;
	assert_socket(&socket, NULL, "udp  unconnected  0.0.0.0:53\n");
	socket = make_socket(SOCKET_ESTABLISHED, "127.0.0.1", 53, "127.0.0.2", 7);
	socket.protocol = SOCKET_UDP;
	assert_socket(&socket, NULL, "udp  connected    127.0.0.1:53 -> 127.0.0.2:7\n");
}

/* The longest that there is has a line for each end, zones of interfaces that are gone included. */
static void long_addresses_have_lines_of_their_own(void **state)
{
	struct socket socket =
	    make_socket(SOCKET_ESTABLISHED, "febf:1111:2222:3333:4444:5555:6666:7777", 65535,
		"febf:1111:2222:3333:4444:5555:6666:8888", 65535);

	(void)state;
	socket.interface = 4294967295u;
	assert_socket(&socket, "syn_sent",
	    "tcp  established\n"
	    "                   [febf:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535\n"
	    "                   -> [febf:1111:2222:3333:4444:5555:6666:8888%4294967295]:65535\n"
	    "                   was syn_sent\n");
	/* 80 columns, the two before it included. */
	socket = make_socket(
	    SOCKET_ESTABLISHED, "2001:db80:aaaa:b:c::f", 50001, "2001:db80:aaaa::dddd", 443);
	assert_socket(&socket, NULL,
	    "tcp  established  [2001:db80:aaaa:b:c::f]:50001 -> [2001:db80:aaaa::dddd]:443\n");
	socket = make_socket(
	    SOCKET_ESTABLISHED, "2001:db80:aaaa:b:c::f", 50001, "2001:db80:aaaa::dddd", 4430);
	assert_socket(&socket, NULL,
	    "tcp  established  [2001:db80:aaaa:b:c::f]:50001 -> [2001:db80:aaaa::dddd]:4430\n");
	socket = make_socket(
	    SOCKET_ESTABLISHED, "2001:db80:aaaa:b:c::f", 50001, "2001:db80:aaaa::dddd", 44300);
	assert_socket(&socket, NULL,
	    "tcp  established  [2001:db80:aaaa:b:c::f]:50001\n"
	    "                    -> [2001:db80:aaaa::dddd]:44300\n");
}

static void who_has_it_is_told(void **state)
{
	struct port_socket found = listener();

	(void)state;
	process.command = (char *)(uintptr_t) "nginx: master process";
	found.cgroup = "/system.slice/nginx.service";
	assert_details(&found, MEANING "       user alice, cgroup /system.slice/nginx.service\n"
				       "       nginx (pid 12, fd 3): nginx: master process\n");
	/* A command that says no more than the name is left out. */
	process.command = (char *)(uintptr_t) "nginx";
	found.cgroup = NULL;
	found.socket.uid = 4000;
	assert_details(&found, MEANING "       user 4000\n       nginx (pid 12, fd 3)\n");
}

static void who_is_unknown_is_told_so(void **state)
{
	struct port_socket found = listener();

	(void)state;
	found.socket.inode = 99;
	found.socket.uid = 4000; /* not who runs the tests, as alice may be */
	assert_details(&found,
	    MEANING "       user 4000\n"
		    "       no visible process has it open: another container's, or the "
		    "kernel's\n");
	processes.holdings.unreadable = 1;
	assert_details(&found,
	    MEANING "       user 4000\n"
		    "       processes unknown: run as their user, or with CAP_SYS_PTRACE\n");
	found.socket.inode = 0;
	assert_details(&found, MEANING "       no process has it open any more\n");
}

static void of_many_descriptors_the_first_are_told(void **state)
{
	struct port_socket found = listener();

	(void)state;
	for (int i = 0; i < (int)LENGTH(holdings); i++)
		holdings[i] = (struct holding){4711, 12, 3 + i};
	processes.holdings.length = 8;
	assert_details(
	    &found, MEANING "       user alice\n       nginx (pid 12, fd 3,4,5,6,7,8,9,10)\n");
	processes.holdings.length = 9;
	assert_details(
	    &found, MEANING "       user alice\n       nginx (pid 12, fd 3,4,5,6,7,8,9,10,...)\n");
}

static void of_many_processes_the_first_are_told(void **state)
{
	struct port_socket found = listener();
	struct process many[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		many[i] = (struct process){.pid = 20 + i, .name = "worker"};
		holdings[i] = (struct holding){4711, 20 + i, 6};
	}
	processes.processes = many;
	processes.processes_length = LENGTH(many);
	processes.holdings.length = LENGTH(many);
	assert_details(&found, MEANING
	    "       user alice\n       worker (pid 20, fd 6)\n       worker (pid 21, fd 6)\n"
	    "       worker (pid 22, fd 6)\n"
	    "       and 2 more processes (--json shows all)\n");
}

static void no_more_paragraphs_than_the_limit_are_printed(void **state)
{
	/* The first two are alike. */
	struct port_socket list[] = {listener(), listener(), listener(), listener()};
	const struct port_answer answer = {
	    .port = 50001,
	    .state = PORT_STATE_LISTENER,
	    .has_lasting_listener = true,
	    .local = {.total = 7, .length = LENGTH(list), .list = list},
	};
	char *printed;

	(void)state;
	list[2].cgroup = "/second";
	list[3].cgroup = "/third";
	stdout_capture();
	port_text_print(&lookup, &answer, 2);
	printed = stdout_captured();
	assert_non_null(strstr(printed, "\n7 sockets have it as their local port:\n"));
	assert_non_null(strstr(printed, "cgroup /second"));
	assert_null(strstr(printed, "cgroup /third"));
	assert_non_null(strstr(printed, "\n  and 4 more (--limit)\n"));
	assert_null(strstr(printed, "remote port:"));
	/* One command for all ports comes at the end, not one with each. */
	assert_null(strstr(printed, "sysctl"));
	assert_int_equal(printed[strlen(printed) - 1], '\n');
	free(printed);
}

static struct port_socket left_over(uint16_t remote_port, unsigned expires_ms)
{
	struct port_socket found = {.role = PORT_ROLE_TIME_WAIT};

	found.socket = make_socket(SOCKET_TIME_WAIT, "127.0.0.1", 8080, "127.0.0.1", remote_port);
	found.socket.expires_ms = expires_ms;
	return found;
}

static char *print_side(struct port_socket *list, size_t length, unsigned long total)
{
	const struct port_answer answer = {
	    .port = 8080,
	    .local = {.total = total,
		.time_wait = total,
		.time_wait_ms = 60000,
		.length = length,
		.list = list},
	};

	stdout_capture();
	port_text_print(&lookup, &answer, 20);
	return stdout_captured();
}

#define LINE(port) "  tcp  time_wait    127.0.0.1:8080 -> 127.0.0.1:" port "\n"
/* Forty of a kind are one paragraph. */
static void what_is_alike_is_said_once(void **state)
{
	struct port_socket list[20];
	char *printed;

	(void)state;
	for (size_t i = 0; i < LENGTH(list); i++) {
		list[i] = left_over((uint16_t)(40000 + i), 12000 + 2000 * (unsigned)i);
		list[i].reusable = i % 2; /* nobody connects from there */
	}
	printed = print_side(list, LENGTH(list), 40);

	assert_non_null(strstr(printed,
	    "\n40 sockets have it as their local port:\n\n" LINE("40000") LINE("40001")
		LINE("40002") LINE("40003")
		    LINE("40004") "  and 15 like these\n"
				  "       Left over from 20 connections that are closed "
				  "(TIME_WAIT): no process has\n"
				  "       them. They are gone in 12 to 50 s. Until then bind() to "
				  "their address and\n"
				  "       port fails (\"Address already in use\") unless the old "
				  "socket and the new\n"
				  "       one both set SO_REUSEADDR, or both SO_REUSEPORT. They "
				  "have 20 remote\n"
				  "       ports (40000 to 40019).\n\n"
				  "  and 20 more (only counted)\n"
				  "  The last of 40 in TIME_WAIT is gone in 60 s.\n"));
	free(printed);
}

/* "And one more" takes the line that the one would. */
static void a_few_are_all_listed(void **state)
{
	struct port_socket list[6];
	char *printed;

	(void)state;
	for (size_t i = 0; i < LENGTH(list); i++)
		list[i] = left_over((uint16_t)(40000 + i), 30100);
	printed = print_side(list, LENGTH(list), LENGTH(list));
	assert_non_null(strstr(printed, LINE("40004") LINE("40005") "       Left over from 6 "));
	assert_non_null(strstr(printed, "They are gone in 30 s."));
	assert_null(strstr(printed, "like these"));
	assert_null(strstr(printed, "The last of"));
	free(printed);
}

/* Who has it is said of each that is another's. */
static void what_differs_is_said_of_each(void **state)
{
	struct port_socket list[6];
	struct process many[2] = {{.pid = 12, .name = "nginx"}, {.pid = 13, .name = "nginx"}};
	char *printed;
	size_t paragraphs = 0;

	(void)state;
	processes.processes = many;
	processes.processes_length = LENGTH(many);
	processes.holdings.length = LENGTH(list);
	for (size_t i = 0; i < LENGTH(list); i++) {
		list[i] = (struct port_socket){.role = PORT_ROLE_INBOUND};
		list[i].socket = make_socket(
		    SOCKET_ESTABLISHED, "127.0.0.1", 8080, "127.0.0.1", (uint16_t)(40000 + i));
		list[i].socket.inode = (uint32_t)(100 + i);
		list[i].socket.uid = i == 5 ? 1000 : 0;
		holdings[i] = (struct holding){(uint32_t)(100 + i), i < 3 ? 12 : 13, (int)(9 - i)};
	}
	printed = print_side(list, LENGTH(list), LENGTH(list));
	for (const char *at = printed; (at = strstr(at, "A client's connection")); at++)
		paragraphs++;
	assert_int_equal(paragraphs, 3);
	assert_non_null(
	    strstr(printed, "Each of these 3: A client's connection to the service on"));
	assert_non_null(strstr(printed, "nginx (pid 12, fd 7,8,9)\n"));
	assert_non_null(strstr(printed, "nginx (pid 13, fd 5,6)\n"));
	assert_non_null(strstr(printed, "nginx (pid 13, fd 4)\n"));
	free(printed);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, set_up)
	const struct CMUnitTest tests[] = {
	    TEST(sockets_have_a_line),
	    TEST(long_addresses_have_lines_of_their_own),
	    TEST(who_has_it_is_told),
	    TEST(who_is_unknown_is_told_so),
	    TEST(of_many_descriptors_the_first_are_told),
	    TEST(of_many_processes_the_first_are_told),
	    TEST(no_more_paragraphs_than_the_limit_are_printed),
	    TEST(what_is_alike_is_said_once),
	    TEST(a_few_are_all_listed),
	    TEST(what_differs_is_said_of_each),
	};

	return cmocka_run_group_tests_name("port_text", tests, NULL, NULL);
}
