// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_holder.h"

#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "unit.h"

static struct port_lookup lookup;
static struct process_search processes;
static struct process process[3];
static struct holding holdings[4];

static int set_up(void **state)
{
	(void)state;
	memset(&lookup, 0, sizeof(lookup));
	process[0] = (struct process){.pid = 12, .name = "curl"};
	process[1] = (struct process){.pid = 13, .name = "curl"};
	process[2] = (struct process){.pid = 14, .name = "curl"};
	holdings[0] = (struct holding){4711, 12, 3};
	holdings[1] = (struct holding){4711, 12, 4};
	holdings[2] = (struct holding){4711, 13, 3};
	holdings[3] = (struct holding){4711, 14, 3};
	processes = (struct process_search){
	    .processes_length = 3,
	    .processes = process,
	    .holdings = {.length = 2, .list = holdings},
	    .whole = true,
	};
	lookup.processes = &processes;
	return 0;
}

static struct port_socket connection(void)
{
	struct port_socket found = {.role = PORT_ROLE_OUTBOUND};

	found.socket = make_socket(SOCKET_ESTABLISHED, "10.0.0.4", 46580, "192.0.2.7", 443);
	found.socket.inode = 4711;
	found.cgroup = "/system.slice/crawler.service";
	return found;
}

static void assert_holder(const struct port_socket *found, const char *wanted)
{
	struct text text = {0};

	port_holder_add(&text, &lookup, found);
	text_add_char(&text, '\0');
	assert_int_equal(text.error, 0);
	assert_string_equal(text.data, wanted);
	free(text.data);
}

#define PEER \
	", tcp established 10.0.0.4:46580 -> 192.0.2.7:443, cgroup /system.slice/crawler.service"

static void it_is_process_and_peer_and_cgroup(void **state)
{
	struct port_socket found = connection();

	(void)state;
	assert_holder(&found, "curl (pid 12)" PEER);
	processes.holdings.length = 3;
	assert_holder(&found, "curl (pid 12) and 1 more process" PEER);
	processes.holdings.length = 4;
	assert_holder(&found, "curl (pid 12) and 2 more processes" PEER);
}

static void what_is_not_known_is_said(void **state)
{
	struct port_socket found = connection();

	(void)state;
	processes.holdings.length = 0;
	assert_holder(&found, "no visible process (another container's, or the kernel's)" PEER);
	lookup.processes = NULL;
	assert_holder(&found, "an unknown process (run as its user, or with CAP_SYS_PTRACE)" PEER);
	found.cgroup = NULL;
	found.socket = make_socket(SOCKET_TIME_WAIT, "10.0.0.4", 46580, "192.0.2.7", 443);
	found.socket.expires_ms = 33700;
	assert_holder(
	    &found, "no process, tcp time_wait 10.0.0.4:46580 -> 192.0.2.7:443, gone in 34 s");
}

static void a_service_has_no_peer(void **state)
{
	struct port_socket found = connection();

	(void)state;
	found.cgroup = NULL;
	found.socket = make_socket(SOCKET_LISTEN, "::", 46580, "::", 0);
	found.socket.inode = 4711;
	assert_holder(&found, "curl (pid 12), tcp listen [::]:46580");
	found.socket = make_socket(SOCKET_CLOSE, "127.0.0.1", 53, "0.0.0.0", 0);
	found.socket.protocol = SOCKET_UDP;
	found.socket.inode = 4711;
	assert_holder(&found, "curl (pid 12), udp unconnected 127.0.0.1:53");
}

static void names_do_not_control_the_terminal(void **state)
{
	struct port_socket found = connection();

	(void)state;
	strcpy(process[0].name, "e\x1b[2Jvil");
	found.cgroup = "/a\nb";
	assert_holder(&found, "e?[2Jvil (pid 12), tcp established 10.0.0.4:46580 -> "
			      "192.0.2.7:443, cgroup /a?b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(it_is_process_and_peer_and_cgroup, set_up),
	    cmocka_unit_test_setup(what_is_not_known_is_said, set_up),
	    cmocka_unit_test_setup(a_service_has_no_peer, set_up),
	    cmocka_unit_test_setup(names_do_not_control_the_terminal, set_up),
	};

	return cmocka_run_group_tests_name("port_holder", tests, NULL, NULL);
}
