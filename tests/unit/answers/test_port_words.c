// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "exporter/answers/port_holders.h"
#include "fake_names.h"
#include "unit.h"

static struct port_lookup lookup;

/* A host whose range is all dynamic, and one port of it reserved. */
static int set_up(void **state)
{
	(void)state;
	memset(&lookup, 0, sizeof(lookup));
	lookup.settings.range = (struct port_range){50000, 50009};
	lookup.settings.unprivileged_first_port = 1024;
	portset_add(&lookup.settings.reserved, 50004);
	return 0;
}

/* Ends the text and compares it. */
static void assert_text(struct text *text, const char *wanted)
{
	text_add_char(text, '\0');
	assert_int_equal(text->error, 0);
	assert_string_equal(text->data, wanted);
	free(text->data);
}

static void assert_port(const struct port_answer *answer, const char *wanted)
{
	struct text text = {0};

	port_words_add_port(&text, &lookup, answer);
	assert_text(&text, wanted);
}

static void assert_free(uint16_t port, const char *wanted)
{
	assert_port(&(const struct port_answer){.port = port}, wanted);
}

static void kinds_are_ianas(void **state)
{
	(void)state;
	assert_string_equal(port_kind(0), "system");
	assert_string_equal(port_kind(1), "system");
	assert_string_equal(port_kind(1023), "system");
	assert_string_equal(port_kind(1024), "registered");
	assert_string_equal(port_kind(49151), "registered");
	assert_string_equal(port_kind(49152), "dynamic");
	assert_string_equal(port_kind(65535), "dynamic");
}

static void services_go_by_protocol(void **state)
{
	char name[PORT_SERVICE_SIZE];
	char cut[PORT_SERVICE_SIZE] = "";

	(void)state;
	port_service(443, SOCKET_TCP, name);
	assert_string_equal(name, "https");
	port_service(443, SOCKET_UDP, name);
	assert_string_equal(name, "");
	port_service(512, SOCKET_UDP, name);
	assert_string_equal(name, "biff");
	memset(name, 'x', sizeof(name));
	port_service(513, SOCKET_TCP, name);
	strncat(cut, FAKE_LONG_NAME, sizeof(cut) - 1);
	assert_string_equal(name, cut);
	/* One that does not fit the C library's buffer. */
	memset(name, 'x', sizeof(name));
	port_service(514, SOCKET_TCP, name);
	assert_string_equal(name, "");
}

#define OUTSIDE                                                                               \
	" It is outside this host's ephemeral range (50000-50009): no connect() takes it by " \
	"itself. Nothing is on it."
#define BY_ROOT " A program needs CAP_NET_BIND_SERVICE to listen on it."
#define BY_ANYONE " It is free for any program that asks for it by number."

static void a_free_port_is_told_by_kind_and_service(void **state)
{
	(void)state;
	assert_free(80, "Port 80 is a system port (0-1023) of the service http." OUTSIDE BY_ROOT);
	assert_free(
	    443, "Port 443 is a system port (0-1023) of the service https." OUTSIDE BY_ROOT);
	assert_free(
	    520, "Port 520 is a system port (0-1023) of the service route." OUTSIDE BY_ROOT);
	assert_free(512, "Port 512 is a system port (0-1023) of the services exec (TCP) and biff "
			 "(UDP)." OUTSIDE BY_ROOT);
	assert_free(1023, "Port 1023 is a system port (0-1023) without a name in "
			  "/etc/services." OUTSIDE BY_ROOT);
	assert_free(1024, "Port 1024 is a registered port (1024-49151) without a name in "
			  "/etc/services." OUTSIDE BY_ANYONE);
	assert_free(65535, "Port 65535 is a dynamic port (49152-65535): no service is assigned to "
			   "it." OUTSIDE BY_ANYONE);
}

static void who_may_listen_goes_by_the_setting(void **state)
{
	(void)state;
	lookup.settings.unprivileged_first_port = 80;
	assert_free(80, "Port 80 is a system port (0-1023) of the service http." OUTSIDE BY_ANYONE);
	lookup.settings.unprivileged_first_port = 65535;
	assert_free(1024, "Port 1024 is a registered port (1024-49151) without a name in "
			  "/etc/services." OUTSIDE BY_ROOT);
}

#define DYNAMIC(port) \
	"Port " port " is a dynamic port (49152-65535): no service is assigned to it. "

static void a_free_port_of_the_range_has_chances(void **state)
{
	(void)state;
	assert_free(50000,
	    DYNAMIC("50000") "It is inside this host's ephemeral range (50000-50009). Nothing is "
			     "on it. The next connect() to a destination without connections "
			     "takes it with a chance of about 1 in 5; bind() to port 0 prefers "
			     "the ports beside it.");
	assert_free(50001,
	    DYNAMIC("50001") "It is inside this host's ephemeral range (50000-50009). Nothing is "
			     "on it. The next bind() to port 0 takes it with a chance of about 1 "
			     "in 5; connect() comes to it when a destination has used up half of "
			     "the range.");
	/* 50004 is reserved: 50006 is taken instead. 50008 has a listener: so is 50000. */
	portset_add(&lookup.held, 50008);
	assert_free(50006,
	    DYNAMIC("50006") "It is inside this host's ephemeral range (50000-50009). Nothing is "
			     "on it. The next connect() to a destination without connections "
			     "takes it with a chance of about 1 in 2; bind() to port 0 prefers "
			     "the ports beside it.");
	assert_free(50000,
	    DYNAMIC("50000") "It is inside this host's ephemeral range (50000-50009). Nothing is "
			     "on it. The next connect() to a destination without connections "
			     "takes it with a chance of about 1 in 2; bind() to port 0 prefers "
			     "the ports beside it.");
	lookup.settings.range.last = 50010;
	memset(&lookup.held, 0, sizeof(lookup.held));
	assert_free(50010,
	    DYNAMIC("50010") "It is inside this host's ephemeral range (50000-50010). Nothing is "
			     "on it. The kernel may hand it out when the ports around it are "
			     "used up.");
}

/* What only bind()s may be there: "free" would send somebody to a port that is taken. */
static void what_is_not_shown_is_not_called_nothing(void **state)
{
	(void)state;
	lookup.bound_unseen = true;
	lookup.source[SOCKET_TCP] = SOURCE_PROCFS;
#define UNSEEN                                                                           \
	"Nothing that /proc shows is on it. /proc does not show a TCP socket that only " \
	"called bind(), which also keeps the port."
	assert_free(50000,
	    DYNAMIC("50000") "It is inside this host's ephemeral range (50000-50009). " UNSEEN);
	assert_free(60000,
	    DYNAMIC("60000") "It is outside this host's ephemeral range (50000-50009): no "
			     "connect() takes it by itself. " UNSEEN);
	lookup.source[SOCKET_TCP] = SOURCE_SOCK_DIAG;
	assert_free(50000,
	    DYNAMIC(
		"50000") "It is inside this host's ephemeral range (50000-50009). Nothing that "
			 "this kernel lists is on it. Before Linux 6.8 the kernel does not list "
			 "a TCP socket that only called bind(), which also keeps the port.");
}

static void a_reserved_port_is_anyones_who_asks(void **state)
{
	(void)state;
	assert_free(50004,
	    DYNAMIC("50004") "It is inside this host's ephemeral range (50000-50009), but "
			     "reserved: no connect() takes it by itself. Nothing is on it. It is "
			     "free for any program that asks for it by number.");
}

static void a_port_in_use_has_no_chances(void **state)
{
	const struct port_answer answer = {.port = 50000, .local = {.total = 1}};
	const struct port_answer reserved = {.port = 50004, .local = {.total = 1}};
	const struct port_answer outside = {.port = 60000, .local = {.total = 1}};
	const struct port_answer remote = {.port = 60000, .remote = {.total = 1}};

	(void)state;
	assert_port(
	    &answer, DYNAMIC("50000") "It is inside this host's ephemeral range (50000-50009).");
	assert_port(&reserved,
	    DYNAMIC("50004") "It is inside this host's ephemeral range (50000-50009), but "
			     "reserved: no connect() takes it by itself.");
	assert_port(&outside,
	    DYNAMIC("60000") "It is outside this host's ephemeral range (50000-50009): no "
			     "connect() takes it by itself.");
	/* Another host's port: on this one nothing has it. */
	assert_port(&remote,
	    DYNAMIC("60000") "It is outside this host's ephemeral range (50000-50009): no "
			     "connect() takes it by itself. Nothing is on it. It is free for any "
			     "program that asks for it by number.");
}

static struct port_socket make(enum port_role role, enum socket_protocol protocol,
    enum socket_state state, const char *local, uint16_t port)
{
	struct port_socket found = {.role = role};

	found.socket = make_socket(state, local, port, strchr(local, ':') ? "::" : "0.0.0.0", 443);
	found.socket.protocol = protocol;
	found.socket.inode = 4711;
	return found;
}

static void assert_socket(const struct port_socket found, const char *wanted)
{
	struct text text = {0};

	port_words_add_socket(&text, &lookup, &found);
	assert_text(&text, wanted);
}

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

static void holders_are_told_as_far_as_known(void **state)
{
	static const char *const names[] = {"found", "unknown", "elsewhere", "none"};
	struct holding list[] = {{60, 9, 3}, {70, 12, 3}, {70, 12, 4}};
	struct process_search processes = {
	    .holdings = {.length = LENGTH(list), .list = list}, .whole = true};
	struct port_socket found =
	    make(PORT_ROLE_LISTENER, SOCKET_TCP, SOCKET_LISTEN, "127.0.0.1", 50001);

	(void)state;
	for (int i = PORT_HOLDERS_FOUND; i <= PORT_HOLDERS_NONE; i++)
		assert_string_equal(port_holders_name((enum port_holders)i), names[i]);
	/* Nobody was looked for. */
	assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_UNKNOWN);
	assert_false(port_holders_complete(&lookup));
	lookup.processes = &processes;
	assert_true(port_holders_complete(&lookup));
	assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_ELSEWHERE);
	found.socket.inode = 70;
	assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_FOUND);
	found.socket.inode = 0;
	assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_NONE);
	for (int i = 0; i < 4; i++) {
		processes.whole = i != 0;
		processes.holdings.unreadable = i == 1;
		processes.holdings.truncated = i == 2;
		processes.holdings.late = i == 3;
		assert_false(port_holders_complete(&lookup));
		found.socket.inode = 71;
		assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_UNKNOWN);
		found.socket.inode = 60;
		assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_FOUND);
		found.socket.inode = 0;
		assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_NONE);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, set_up)
	const struct CMUnitTest tests[] = {
	    TEST(kinds_are_ianas),
	    TEST(services_go_by_protocol),
	    TEST(a_free_port_is_told_by_kind_and_service),
	    TEST(who_may_listen_goes_by_the_setting),
	    TEST(a_free_port_of_the_range_has_chances),
	    TEST(a_reserved_port_is_anyones_who_asks),
	    TEST(what_is_not_shown_is_not_called_nothing),
	    TEST(a_port_in_use_has_no_chances),
	    TEST(a_listener_is_told_by_its_address),
	    TEST(a_listener_in_the_range_can_be_locked_out),
	    TEST(a_bound_port_is_held),
	    TEST(a_connection_is_told_by_its_end_and_progress),
	    TEST(a_connection_to_itself_is_told_so),
	    TEST(what_is_not_lent_any_more_needs_no_advice),
	    TEST(a_connection_may_wait_for_accept),
	    TEST(a_port_that_the_program_chose_is_told_so),
	    TEST(udp_that_is_not_connected_is_told_as_far_as_known),
	    TEST(what_is_left_over_has_its_time),
	    TEST(where_connect_does_not_come_it_is_not_spoken_of),
	    TEST(words_are_added),
	    TEST(holders_are_told_as_far_as_known),
	};

	return cmocka_run_group_tests_name("port_words", tests, NULL, NULL);
}
