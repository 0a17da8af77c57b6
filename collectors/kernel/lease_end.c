// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "collectors/kernel/lease_probe.h"
#include "collectors/kernel/socket.h"

/*
 * tcp_done_with_error() sets the error before the state. A reset of our own does it the other way
 * round, or not at all (tcp_disconnect(), __tcp_close()): so no error in such a state is our reset.
 */
enum lease_end lease_event_end(const struct lease_event *event)
{
	switch (event->error) {
	case 0:
		break;
	case ECONNREFUSED:
		return LEASE_REFUSED;
	case ECONNRESET:
	case EPIPE: /* tcp_reset() in CLOSE_WAIT */
		return LEASE_RESET;
	case ETIMEDOUT:
		return LEASE_TIMED_OUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENONET:
		return LEASE_UNREACHABLE;
	case ECONNABORTED: /* tcp_abort(), of ss --kill */
		return LEASE_ABORTED;
	default:
		return LEASE_FAILED;
	}
	switch (event->state) {
	case SOCKET_LAST_ACK:
	case SOCKET_FIN_WAIT2:
	case SOCKET_CLOSING:
		return LEASE_CLOSED;
	default:
		return LEASE_ABORTED;
	}
}

const char *lease_end_name(enum lease_end end)
{
	static const char *const names[LEASE_ENDS] = {
	    [LEASE_CLOSED] = "closed",
	    [LEASE_RESET] = "reset",
	    [LEASE_ABORTED] = "aborted",
	    [LEASE_REFUSED] = "refused",
	    [LEASE_TIMED_OUT] = "timed_out",
	    [LEASE_UNREACHABLE] = "unreachable",
	    [LEASE_FAILED] = "failed",
	};

	return names[end];
}

/* tcp_time_wait() follows only these states, and never a reset, which is an error. */
bool lease_event_has_time_wait(const struct lease_event *event)
{
	return (event->state == SOCKET_FIN_WAIT2 || event->state == SOCKET_CLOSING) &&
	       event->error == 0;
}
