// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "collectors/kernel/lease_probe.h"
#include "collectors/kernel/socket.h"
#include "unit.h"

static void the_last_state_and_the_error_tell_how_it_ended(void **state)
{
	static const struct {
		enum socket_state state;
		uint16_t error;
		const char *end;
		bool time_wait;
	} cases[] = {
	    {SOCKET_FIN_WAIT2, 0, "closed", true},
	    {SOCKET_CLOSING, 0, "closed", true},
	    {SOCKET_LAST_ACK, 0, "closed", false},
	    {SOCKET_ESTABLISHED, 0, "aborted", false},
	    {SOCKET_CLOSE_WAIT, 0, "aborted", false},
	    {SOCKET_FIN_WAIT1, 0, "aborted", false},
	    {SOCKET_SYN_SENT, 0, "aborted", false},
	    {SOCKET_ESTABLISHED, ECONNABORTED, "aborted", false},
	    {SOCKET_SYN_SENT, ECONNREFUSED, "refused", false},
	    {SOCKET_ESTABLISHED, ECONNRESET, "reset", false},
	    {SOCKET_CLOSE_WAIT, EPIPE, "reset", false},
	    {SOCKET_FIN_WAIT2, ECONNRESET, "reset", false},
	    {SOCKET_SYN_SENT, ETIMEDOUT, "timed_out", false},
	    {SOCKET_LAST_ACK, ETIMEDOUT, "timed_out", false},
	    {SOCKET_SYN_SENT, EHOSTUNREACH, "unreachable", false},
	    {SOCKET_SYN_SENT, ENETUNREACH, "unreachable", false},
	    {SOCKET_ESTABLISHED, EPROTO, "failed", false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct lease_event event = {
		    .state = (uint8_t)cases[i].state, .error = cases[i].error};

		assert_string_equal(lease_end_name(lease_event_end(&event)), cases[i].end);
		assert_int_equal(lease_event_has_time_wait(&event), cases[i].time_wait);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_state_and_the_error_tell_how_it_ended),
	};

	return cmocka_run_group_tests_name("lease_end", tests, NULL, NULL);
}
