// SPDX-License-Identifier: Apache-2.0
/* Services, what is bound or left over, and UDP. */
#include "exporter/answers/port_words.h"

#include "port_wording.h"
#include "unit.h"

#define CANNOT " Its port is outside the ephemeral range: no outgoing connection can take it."

static void assert_listens(const char *local, bool ipv6_only, const char *wanted)
{
	static const enum socket_protocol protocols[] = {SOCKET_TCP, SOCKET_UDP};

	for (size_t i = 0; i < LENGTH(protocols); i++) {
		struct port_socket found = make(PORT_ROLE_LISTENER, protocols[i],
		    i ? SOCKET_CLOSE : SOCKET_LISTEN, local, 8080);

		found.socket.ipv6_only = ipv6_only;
		assert_socket(found, wanted);
	}
}

static void a_listener_is_told_by_its_address(void **state)
{
	(void)state;
	assert_listens("127.0.0.1", false,
	    "A service for this host only: it listens on a loopback address." CANNOT);
	assert_listens(
	    "::1", false, "A service for this host only: it listens on a loopback address." CANNOT);
	assert_listens(
	    "192.0.2.1", false, "A service that listens on one address of this host." CANNOT);
	assert_listens(
	    "2001:db8::1", true, "A service that listens on one address of this host." CANNOT);
	assert_listens(
	    "0.0.0.0", false, "A service that listens on every IPv4 address of this host." CANNOT);
	assert_listens(
	    "::", true, "A service that listens on every IPv6 address of this host." CANNOT);
	assert_listens("::", false, "A service that listens on every address of this host." CANNOT);
}

static void a_listener_in_the_range_can_be_locked_out(void **state)
{
	struct port_socket found =
	    make(PORT_ROLE_LISTENER, SOCKET_TCP, SOCKET_LISTEN, "192.0.2.1", 50001);

	(void)state;
#define ONE "A service that listens on one address of this host."
	found.chosen = CHOSEN_YES;
	assert_socket(found, ONE " Its port is in the ephemeral range: while it is down, an "
				 "outgoing connection can take the port and keep it from starting "
				 "again.");
	found.chosen = CHOSEN_UNKNOWN;
	assert_socket(found, ONE " Its port is in the ephemeral range: while it is down, an "
				 "outgoing connection can take the port and keep it from starting "
				 "again.");
	found.chosen = CHOSEN_NO;
	assert_socket(found, ONE " The kernel picked its port: at its next start it will have "
				 "another.");
	found.chosen = CHOSEN_YES;
	found.socket.protocol = SOCKET_UDP;
	found.socket.state = SOCKET_CLOSE;
	assert_socket(found,
	    ONE " Its port is in the ephemeral range: while it is down, another UDP "
		"socket can take the port and keep it from starting again. An open "
		"query of a resolver looks the same: then there is nothing to do.");
	found.socket.protocol = SOCKET_TCP;
	found.socket.state = SOCKET_LISTEN;
	found.socket.local_port = 50004;
	assert_socket(found, ONE " Its port is in the ephemeral range, but reserved: no outgoing "
				 "connection can take it.");
}

static void a_bound_port_is_held(void **state)
{
	(void)state;
	assert_socket(make(PORT_ROLE_BOUND, SOCKET_TCP, SOCKET_BOUND, "127.0.0.1", 8080),
	    "Held by bind() without use: it neither listens nor is connected.");
	assert_socket(make(PORT_ROLE_BOUND, SOCKET_TCP, SOCKET_BOUND, "127.0.0.1", 50001),
	    "Held by bind() without use: it neither listens nor is connected. As long as it is "
	    "held, no connect() gets the port.");
}

static void udp_that_is_not_connected_is_told_as_far_as_known(void **state)
{
	struct port_socket found =
	    make(PORT_ROLE_OUTBOUND, SOCKET_UDP, SOCKET_CLOSE, "127.0.0.1", 50001);

	(void)state;
	found.chosen = CHOSEN_UNKNOWN;
	assert_socket(found, "A UDP socket without a peer.");
	found.chosen = CHOSEN_NO;
	assert_socket(found, "A UDP socket on a port that the kernel picked: a client, as a rule.");
	found.socket.state = SOCKET_ESTABLISHED;
	found.chosen = CHOSEN_UNKNOWN;
	assert_socket(found, "A UDP client on this host.");
}

#define LEFT                                                                                     \
	"Left over from a connection that is closed (TIME_WAIT): no process has it. It is gone " \
	"in "
#define IN_USE                                                                                  \
	" Until then bind() to its address and port fails (\"Address already in use\") unless " \
	"the old socket and the new one both set SO_REUSEADDR, or both SO_REUSEPORT."

static void what_is_left_over_has_its_time(void **state)
{
	struct port_socket found =
	    make(PORT_ROLE_TIME_WAIT, SOCKET_TCP, SOCKET_TIME_WAIT, "127.0.0.1", 50001);

	(void)state;
	found.socket.expires_ms = 43200;
	assert_socket(found,
	    LEFT "43 s." IN_USE " No connect() to the same destination gets the port before.");
	found.reusable = true;
	found.socket.expires_ms = 600;
	assert_socket(found,
	    LEFT "1 s." IN_USE " A connect() to the same destination may take the port over now.");
	found.socket.expires_ms = 0;
	assert_socket(found,
	    LEFT "0 s." IN_USE " A connect() to the same destination may take the port over now.");
	found.reusable = false;
	found.may_be_reusable = true;
	assert_socket(found,
	    LEFT "0 s." IN_USE
		 " Whether a connect() to the same destination may take the port over now is not "
		 "known.");
	found.may_be_reusable = false;
	found.is_bound = true;
	assert_socket(found,
	    LEFT "0 s." IN_USE
		 " No connect() at all gets the port before, since it belongs to a bind().");
}

/* Where a service listens, what matters is whether it can be started again. */
static void where_connect_does_not_come_it_is_not_spoken_of(void **state)
{
	struct port_socket found =
	    make(PORT_ROLE_TIME_WAIT, SOCKET_TCP, SOCKET_TIME_WAIT, "127.0.0.1", 8080);

	(void)state;
	found.socket.expires_ms = 43200;
	assert_socket(found, LEFT "43 s." IN_USE); /* outside of the range */
	found.socket.local_port = 50004;
	assert_socket(found, LEFT "43 s." IN_USE); /* reserved */
	found.socket.local_port = 50001;
	portset_add(&lookup.listen, 50001);
	assert_socket(found, LEFT "43 s." IN_USE);
}

/* What there is already is left as it is, with a blank behind it. */
static void words_are_added(void **state)
{
	struct text text = {0};
	const struct port_socket found =
	    make(PORT_ROLE_BOUND, SOCKET_TCP, SOCKET_BOUND, "127.0.0.1", 8080);

	(void)state;
	text_add_string(&text, "First.");
	port_words_add_socket(&text, &lookup, &found);
	assert_text(
	    &text, "First. Held by bind() without use: it neither listens nor is connected.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_listener_is_told_by_its_address),
	    TEST(a_listener_in_the_range_can_be_locked_out),
	    TEST(a_bound_port_is_held),
	    TEST(udp_that_is_not_connected_is_told_as_far_as_known),
	    TEST(what_is_left_over_has_its_time),
	    TEST(where_connect_does_not_come_it_is_not_spoken_of),
	    TEST(words_are_added),
	};

	return cmocka_run_group_tests_name("port_words_socket", tests, NULL, NULL);
}
