// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_state.h"

#include <string.h>

#include "unit.h"

static void names_are_those_of_the_contract(void **state)
{
	static const char *const states[PORT_STATES] = {
	    "free", "reserved", "time_wait", "outbound", "bound", "listener"};
	static const char *const roles[PORT_ROLES] = {
	    "listener", "bound", "outbound", "inbound", "time_wait"};

	(void)state;
	for (int i = 0; i < PORT_STATES; i++)
		assert_string_equal(port_state_name((enum port_state)i), states[i]);
	for (int i = 0; i < PORT_ROLES; i++)
		assert_string_equal(port_role_name((enum port_role)i), roles[i]);
}

/* Of several sockets on a port the greatest of these says what it is. */
static void states_are_in_the_order_of_what_they_say(void **state)
{
	(void)state;
	assert_true(PORT_STATE_FREE < PORT_STATE_RESERVED);
	assert_true(PORT_STATE_RESERVED < PORT_STATE_TIME_WAIT);
	assert_true(PORT_STATE_TIME_WAIT < PORT_STATE_OUTBOUND);
	assert_true(PORT_STATE_OUTBOUND < PORT_STATE_BOUND);
	assert_true(PORT_STATE_BOUND < PORT_STATE_LISTENER);
	/* What is zeroed is free. */
	assert_int_equal(PORT_STATE_FREE, 0);
}

#define L PORT_ROLE_LISTENER
#define B PORT_ROLE_BOUND
#define O PORT_ROLE_OUTBOUND
#define I PORT_ROLE_INBOUND
#define T PORT_ROLE_TIME_WAIT

/* TCP's role by state, without and with a listener on a port that was not chosen. */
static const enum port_role tcp_roles[SOCKET_STATES][2] = {
    [SOCKET_ESTABLISHED] = {O, I},
    [SOCKET_SYN_SENT] = {O, I},
    [SOCKET_SYN_RECV] = {O, I},
    [SOCKET_FIN_WAIT1] = {O, I},
    [SOCKET_FIN_WAIT2] = {O, I},
    [SOCKET_TIME_WAIT] = {T, T},
    [SOCKET_CLOSE] = {O, I},
    [SOCKET_CLOSE_WAIT] = {O, I},
    [SOCKET_LAST_ACK] = {O, I},
    [SOCKET_LISTEN] = {L, L},
    [SOCKET_CLOSING] = {O, I},
    [SOCKET_NEW_SYN_RECV] = {O, I},
    [SOCKET_BOUND] = {B, B},
};

static void tcps_role_is_that_of_its_state(void **state)
{
	(void)state;
	for (int i = SOCKET_ESTABLISHED; i < SOCKET_STATES; i++) {
		const struct socket socket = {
		    .protocol = SOCKET_TCP, .state = (enum socket_state)i};

		for (int chosen = 0; chosen < 2; chosen++) {
			assert_int_equal(port_role_of(&socket, chosen, false), tcp_roles[i][0]);
			/* A connection on a listener's port that chose it was not accepted. */
			assert_int_equal(
			    port_role_of(&socket, chosen, true), tcp_roles[i][!chosen]);
		}
	}
}

/* A UDP server waits, unconnected, on a port of its choice. TCP's listeners are no concern. */
static void udps_role_is_that_of_its_bind(void **state)
{
	(void)state;
	for (int i = SOCKET_ESTABLISHED; i < SOCKET_STATES; i++) {
		const struct socket socket = {
		    .protocol = SOCKET_UDP, .state = (enum socket_state)i};

		for (int listener = 0; listener < 2; listener++) {
			assert_int_equal(port_role_of(&socket, false, listener), O);
			assert_int_equal(
			    port_role_of(&socket, true, listener), i == SOCKET_CLOSE ? L : O);
		}
	}
}

static void a_socket_makes_a_state_of_its_port(void **state)
{
	(void)state;
	for (int i = SOCKET_ESTABLISHED; i < SOCKET_STATES; i++) {
		struct socket socket = {.protocol = SOCKET_TCP, .state = (enum socket_state)i};
		enum port_state picked = PORT_STATE_OUTBOUND;
		enum port_state chosen = PORT_STATE_BOUND;

		if (i == SOCKET_LISTEN)
			picked = chosen = PORT_STATE_LISTENER;
		if (i == SOCKET_BOUND)
			picked = PORT_STATE_BOUND;
		if (i == SOCKET_TIME_WAIT)
			picked = chosen = PORT_STATE_TIME_WAIT;
		assert_int_equal(port_state_of(&socket, false), picked);
		assert_int_equal(port_state_of(&socket, true), chosen);
		socket.protocol = SOCKET_UDP;
		assert_int_equal(port_state_of(&socket, false), PORT_STATE_OUTBOUND);
		assert_int_equal(port_state_of(&socket, true),
		    i == SOCKET_CLOSE ? PORT_STATE_LISTENER : PORT_STATE_BOUND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_those_of_the_contract),
	    cmocka_unit_test(states_are_in_the_order_of_what_they_say),
	    cmocka_unit_test(tcps_role_is_that_of_its_state),
	    cmocka_unit_test(udps_role_is_that_of_its_bind),
	    cmocka_unit_test(a_socket_makes_a_state_of_its_port),
	};

	return cmocka_run_group_tests_name("port_state", tests, NULL, NULL);
}
