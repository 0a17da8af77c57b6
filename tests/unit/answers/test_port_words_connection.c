// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_words.h"

#include <stdio.h>

#include "port_wording.h"
#include "unit.h"

#define LENT                                                                                      \
	"A temporary outbound connection: the kernel lent it this port until it ends. A service " \
	"that needs the port cannot start before (\"Address already in use\") unless both "       \
	"sockets set SO_REUSEADDR. If there is one, restart the program that has the "            \
	"connection" RESERVED
#define RESERVED                                                                                 \
	", and reserve the port for the service (net.ipv4.ip_local_reserved_ports), so that it " \
	"does not happen again."
#define OPENING " It is being opened: the other side has not answered yet."
#define CLOSING " It is being closed."
#define HALF " The other side has closed it, the program has not."

static const char *const progress[SOCKET_STATES] = {
    [SOCKET_ESTABLISHED] = "",
    [SOCKET_SYN_SENT] = OPENING,
    [SOCKET_SYN_RECV] = OPENING,
    [SOCKET_FIN_WAIT1] = CLOSING,
    [SOCKET_FIN_WAIT2] = CLOSING,
    [SOCKET_CLOSE_WAIT] = HALF,
    [SOCKET_LAST_ACK] = CLOSING,
    [SOCKET_CLOSING] = CLOSING,
};

static void a_connection_is_told_by_its_end_and_progress(void **state)
{
	struct port_socket outbound;

	(void)state;
	for (int i = 0; i < SOCKET_STATES; i++) {
		const enum socket_state of = (enum socket_state)i;
		char wanted[512];

		if (!progress[i])
			continue;
		snprintf(
		    wanted, sizeof(wanted), "An outbound connection of this host.%s", progress[i]);
		outbound = make(PORT_ROLE_OUTBOUND, SOCKET_TCP, of, "127.0.0.1", 50001);
		assert_socket(outbound, wanted);
		snprintf(wanted, sizeof(wanted), "%s%s", LENT, progress[i]);
		outbound.chosen = CHOSEN_NO;
		assert_socket(outbound, wanted);
		snprintf(wanted, sizeof(wanted), "%s%s",
		    "A client's connection to the service on port 8080.", progress[i]);
		outbound = make(PORT_ROLE_INBOUND, SOCKET_TCP, of, "127.0.0.1", 8080);
		outbound.chosen = CHOSEN_NO;
		assert_socket(outbound, wanted);
		/* Only SYN_RECV is an answer to somebody in any case. */
		outbound.chosen = CHOSEN_UNKNOWN;
		snprintf(wanted, sizeof(wanted),
		    "A client's connection to the service on port 8080%s.%s",
		    of == SOCKET_SYN_RECV ? ""
					  : ", or one that was opened from the service's own port",
		    progress[i]);
		assert_socket(outbound, wanted);
	}
}

/* It holds the port of the service that it was to reach. */
static void a_connection_to_itself_is_told_so(void **state)
{
	struct port_socket found =
	    make(PORT_ROLE_OUTBOUND, SOCKET_TCP, SOCKET_ESTABLISHED, "127.0.0.1", 50001);

	(void)state;
	found.socket.remote = found.socket.local;
	found.socket.remote_port = 50001;
	assert_true(port_connects_to_itself(&found));
#define ITSELF(port)                                                                            \
	"A connection to itself: both ends are port " port " of one address. This happens "     \
	"when a program connects to a service of this host that is down, and the kernel lends " \
	"it the service's own port. As long as it lasts, the service cannot start (\"Address "  \
	"already in use\") unless both sockets set SO_REUSEADDR. Restart the program that has " \
	"the connection"
	assert_socket(found, ITSELF("50001") RESERVED);
	found.socket.state = SOCKET_CLOSE_WAIT;
	assert_socket(found, ITSELF("50001") RESERVED HALF);
	found.socket.state = SOCKET_ESTABLISHED;
	found.socket.local_port = found.socket.remote_port = 50004;
	assert_socket(found, ITSELF("50004") "."); /* reserved since */
	found.socket.remote_port = 50005;
	assert_false(port_connects_to_itself(&found));
	found.socket.remote_port = 50004;
	found.socket.remote.bytes[0]++;
	assert_false(port_connects_to_itself(&found));
}

/* Somebody has reserved it since, or made the range another. */
static void what_is_not_lent_any_more_needs_no_advice(void **state)
{
	struct port_socket found =
	    make(PORT_ROLE_OUTBOUND, SOCKET_TCP, SOCKET_ESTABLISHED, "127.0.0.1", 50004);

	(void)state;
	found.chosen = CHOSEN_NO;
	assert_socket(
	    found, "A temporary outbound connection: the kernel lent it this port until it ends.");
}

static void a_connection_may_wait_for_accept(void **state)
{
	(void)state;
	for (int i = 0; i < SOCKET_STATES; i++) {
		struct port_socket found =
		    make(PORT_ROLE_INBOUND, SOCKET_TCP, (enum socket_state)i, "127.0.0.1", 8080);
		const bool may = i == SOCKET_ESTABLISHED || i == SOCKET_CLOSE_WAIT;

		assert_false(port_waits_for_accept(&found));
		found.socket.inode = 0;
		assert_int_equal(port_waits_for_accept(&found), may);
		if (may)
			assert_socket(found,
			    i == SOCKET_ESTABLISHED
				? "A client's connection to the service on port 8080. It waits in "
				  "the accept queue: the service has not accepted it yet."
				: "A client's connection to the service on port 8080. It waits in "
				  "the accept queue: the service has not accepted it yet." HALF);
		/* Its own connection: one that was abandoned belongs to nobody as well. */
		found.role = PORT_ROLE_OUTBOUND;
		assert_false(port_waits_for_accept(&found));
	}
}

static void a_port_that_the_program_chose_is_told_so(void **state)
{
	struct port_socket found =
	    make(PORT_ROLE_OUTBOUND, SOCKET_TCP, SOCKET_ESTABLISHED, "127.0.0.1", 50001);

	(void)state;
	found.chosen = CHOSEN_YES;
	assert_socket(found, "An outbound connection from a port that the program chose by bind(): "
			     "as long as it lasts, no other connect() gets the port.");
	found.socket.state = SOCKET_CLOSE_WAIT;
	assert_socket(found, "An outbound connection from a port that the program chose by bind(): "
			     "as long as it lasts, no other connect() gets the port." HALF);
	found.socket.local_port = 8080;
	assert_socket(
	    found, "An outbound connection from a port that the program chose by bind()." HALF);
	found.socket.state = SOCKET_ESTABLISHED;
	found.socket.protocol = SOCKET_UDP;
	found.socket.local_port = 50001;
	assert_socket(found, "A UDP client from a port that the program chose by bind().");
	found.chosen = CHOSEN_NO;
	assert_socket(
	    found, "A temporary UDP client: the kernel lent it this port until it is closed.");
	found.socket.protocol = SOCKET_TCP;
	found.is_bound = true;
	assert_socket(found,
	    "An outbound connection on a port that belongs to a bind(): as long as "
	    "it lasts, no other connect() gets the port.");
	found.socket.local_port = 8080;
	assert_socket(found, "An outbound connection on a port that belongs to a bind().");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_connection_is_told_by_its_end_and_progress),
	    TEST(a_connection_to_itself_is_told_so),
	    TEST(what_is_not_lent_any_more_needs_no_advice),
	    TEST(a_connection_may_wait_for_accept),
	    TEST(a_port_that_the_program_chose_is_told_so),
	};

	return cmocka_run_group_tests_name("port_words_connection", tests, NULL, NULL);
}
