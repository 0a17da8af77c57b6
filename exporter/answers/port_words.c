// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_words.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collectors/kernel/iana.h"
#include "collectors/views/port_chance.h"
#include "exporter/answers/node_port.h"
#include "exporter/answers/port_snat_text.h"

const char *port_kind(uint16_t port)
{
	if (port < IANA_FIRST_REGISTERED)
		return "system";
	return port < IANA_FIRST_DYNAMIC ? "registered" : "dynamic";
}

void port_service(uint16_t port, enum socket_protocol protocol, char name[static PORT_SERVICE_SIZE])
{
	struct servent entry;
	struct servent *found = NULL;
	char buffer[2048];

	name[0] = '\0';
	/* A name that does not fit is left out. */
	if (getservbyport_r(htons(port), socket_protocol_name(protocol), &entry, buffer,
		sizeof(buffer), &found) == 0 &&
	    found)
		snprintf(name, PORT_SERVICE_SIZE, "%s", found->s_name);
}

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	char sentence[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	if (text->length)
		text_add_char(text, ' ');
	text_add_string(text, sentence);
}

static void add_kind(struct text *text, uint16_t port)
{
	char tcp[PORT_SERVICE_SIZE];
	char udp[PORT_SERVICE_SIZE];

	if (port >= IANA_FIRST_DYNAMIC) {
		add(text, "Port %u is a dynamic port (49152-65535): no service is assigned to it.",
		    port);
		return;
	}
	port_service(port, SOCKET_TCP, tcp);
	port_service(port, SOCKET_UDP, udp);
	add(text, "Port %u is a %s port (%s)", port, port_kind(port),
	    port < IANA_FIRST_REGISTERED ? "0-1023" : "1024-49151");
	if (!tcp[0] && !udp[0])
		text_add_string(text, " without a name in /etc/services.");
	else if (!udp[0] || !tcp[0] || strcmp(tcp, udp) == 0)
		add(text, "of the service %s.", tcp[0] ? tcp : udp);
	else
		add(text, "of the services %s (TCP) and %s (UDP).", tcp, udp);
}

static bool is_in_range(const struct port_lookup *lookup, uint16_t port)
{
	return port_range_has(lookup->settings.range, port);
}

static bool is_reserved(const struct port_lookup *lookup, uint16_t port)
{
	return portset_has(&lookup->settings.reserved, port);
}

/* Whether connect() may pick that port: it skips a port that bind() holds. */
static bool is_connects(const struct port_lookup *lookup, uint16_t port)
{
	return is_in_range(lookup, port) && !is_reserved(lookup, port) &&
	       !portset_has(&lookup->listen, port);
}

static void add_range(struct text *text, const struct port_lookup *lookup, uint16_t port)
{
	const struct port_range range = lookup->settings.range;
	const bool is_in = is_in_range(lookup, port);
	const char *end = ".";

	if (!is_in)
		end = ": no connect() takes it by itself.";
	else if (is_reserved(lookup, port))
		end = ", but reserved: no connect() takes it by itself.";
	add(text, "It is %s this host's ephemeral range (%u-%u)%s", is_in ? "inside" : "outside",
	    range.first, range.last, end);
}

static void add_chances(struct text *text, const struct port_lookup *lookup, uint16_t port)
{
	const double by_connect = port_chance_of_connect(&lookup->settings, &lookup->held, port);
	const double by_bind = port_chance_of_bind(&lookup->settings, port);

	if (by_connect > 0)
		add(text,
		    "The next connect() to a destination without connections takes it with a "
		    "chance of about 1 in %.0f; bind() to port 0 prefers the ports beside it.",
		    1 / by_connect);
	else if (by_bind > 0)
		add(text,
		    "The next bind() to port 0 takes it with a chance of about 1 in %.0f; "
		    "connect() comes to it when a destination has used up half of the range.",
		    1 / by_bind);
	else
		add(text, "The kernel may hand it out when the ports around it are used up.");
}

/* A socket that only called bind() may be on it, so do not say "nothing" or "free". */
static void add_unseen(struct text *text, const struct port_lookup *lookup)
{
	if (lookup->source[SOCKET_TCP] == SOURCE_PROCFS)
		add(text,
		    "Nothing that /proc shows is on it. /proc does not show a TCP socket that only "
		    "called bind(), which also keeps the port.");
	else
		add(text,
		    "Nothing that this kernel lists is on it. Before Linux 6.8 the kernel does not "
		    "list a TCP socket that only called bind(), which also keeps the port.");
}

void port_words_add_port(
    struct text *text, const struct port_lookup *lookup, const struct port_answer *answer)
{
	add_kind(text, answer->port);
	add_range(text, lookup, answer->port);
	node_port_add_words(text, &lookup->settings, answer->port);
	if (answer->local.total)
		return;
	if (answer->local.others) {
		add(text, "%lu socket%s it as %s local port, but none that you asked for.",
		    answer->local.others, answer->local.others == 1 ? " has" : "s have",
		    answer->local.others == 1 ? "its" : "their");
		return;
	}
	if (port_snat_add_words(text, lookup->snat, answer->port))
		return;
	if (lookup->bound_unseen)
		add_unseen(text, lookup);
	else
		add(text, lookup->snat_left_out ? "No socket is on it." : "Nothing is on it.");
	if (is_connects(lookup, answer->port) && !lookup->bound_unseen)
		add_chances(text, lookup, answer->port);
	else if (settings_is_privileged(&lookup->settings, answer->port))
		add(text, "A program needs CAP_NET_BIND_SERVICE to listen on it.");
	else if (!lookup->bound_unseen)
		add(text, "It is free for any program that asks for it by number.");
}

/* The clients that it serves, by the address that it listens on. */
static const char *listens_on(const struct socket *socket)
{
	if (socket_address_is_loopback(&socket->local, socket->family))
		return "A service for this host only: it listens on a loopback address.";
	if (socket->interface)
		return "A service that listens on one network interface of this host alone.";
	if (!socket_address_is_any(&socket->local))
		return "A service that listens on one address of this host.";
	if (socket->family == SOCKET_IPV4)
		return "A service that listens on every IPv4 address of this host.";
	return socket->ipv6_only ? "A service that listens on every IPv6 address of this host."
				 : "A service that listens on every address of this host.";
}

static void add_listener(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found)
{
	const uint16_t port = found->socket.local_port;

	add(text, "%s", listens_on(&found->socket));
	if (!is_in_range(lookup, port)) {
		add(text, "Its port is outside the ephemeral range: no outgoing connection can "
			  "take it.");
	} else if (is_reserved(lookup, port)) {
		add(text, "Its port is in the ephemeral range, but reserved: no outgoing "
			  "connection can take it.");
	} else if (found->chosen == CHOSEN_NO) {
		add(text, "The kernel picked its port: at its next start it will have another.");
	} else if (found->socket.protocol == SOCKET_UDP) {
		add(text,
		    "Its port is in the ephemeral range: while it is down, another UDP socket "
		    "can take the port and keep it from starting again. An open query of a "
		    "resolver looks the same: then there is nothing to do.");
	} else {
		add(text, "Its port is in the ephemeral range: while it is down, an outgoing "
			  "connection can take the port and keep it from starting again.");
	}
}

static void add_progress(struct text *text, const struct port_socket *found)
{
	switch (found->socket.state) {
	case SOCKET_SYN_SENT:
	case SOCKET_SYN_RECV:
		add(text, "It is being opened: the other side has not answered yet.");
		break;
	case SOCKET_CLOSE_WAIT:
		add(text, "The other side has closed it, the program has not.");
		break;
	case SOCKET_FIN_WAIT1:
	case SOCKET_FIN_WAIT2:
	case SOCKET_CLOSING:
	case SOCKET_LAST_ACK:
		add(text, "It is being closed.");
		break;
	default:
		break;
	}
}

bool port_connects_to_itself(const struct port_socket *found)
{
	const struct socket *socket = &found->socket;

	return found->role == PORT_ROLE_OUTBOUND && socket->protocol == SOCKET_TCP &&
	       socket->local_port == socket->remote_port &&
	       memcmp(&socket->local, &socket->remote, sizeof(socket->local)) == 0;
}

#define LOCKED_OUT "(\"Address already in use\") unless both sockets set SO_REUSEADDR."
#define RESERVE_IT                                                                              \
	"%s, and reserve the port for the service (net.ipv4.ip_local_reserved_ports), so that " \
	"it does not happen again."

static void add_self_connection(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found)
{
	const uint16_t port = found->socket.local_port;

	add(text, "A connection to itself: both ends are port %u of one address.", port);
	add(text, "This happens when a program connects to a service of this host that is down, "
		  "and the kernel lends it the service's own port.");
	add(text, "As long as it lasts, the service cannot start " LOCKED_OUT);
	if (is_connects(lookup, port))
		add(text, RESERVE_IT, "Restart the program that has the connection");
	else
		add(text, "Restart the program that has the connection.");
}

/* The kernel also lends ports that a service needs, and the sockets do not show which. */
static void add_lent(struct text *text, const struct port_lookup *lookup, uint16_t port)
{
	add(text, "A temporary outbound connection: the kernel lent it this port until it ends.");
	if (!is_connects(lookup, port))
		return;
	add(text, "A service that needs the port cannot start before " LOCKED_OUT);
	add(text, RESERVE_IT, "If there is one, restart the program that has the connection");
}

static void add_outbound(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found)
{
	const bool udp = found->socket.protocol == SOCKET_UDP;
	const bool connected = found->socket.state != SOCKET_CLOSE;

	if (port_connects_to_itself(found)) {
		add_self_connection(text, lookup, found);
		add_progress(text, found);
		return;
	}
	if (found->chosen == CHOSEN_YES)
		add(text, "%s from a port that the program chose by bind()%s",
		    udp ? "A UDP client" : "An outbound connection",
		    is_in_range(lookup, found->socket.local_port) && !udp
			? ": as long as it lasts, no other connect() gets the port."
			: ".");
	else if (found->chosen == CHOSEN_UNKNOWN && !found->is_bound)
		add(text, "%s.",
		    !udp	? "An outbound connection of this host"
		    : connected ? "A UDP client on this host"
				: "A UDP socket without a peer");
	else if (found->is_bound)
		add(text, "An outbound connection on a port that belongs to a bind()%s",
		    is_in_range(lookup, found->socket.local_port)
			? ": as long as it lasts, no other connect() gets the port."
			: ".");
	else if (!udp)
		add_lent(text, lookup, found->socket.local_port);
	else if (connected)
		add(text, "A temporary UDP client: the kernel lent it this port until it is "
			  "closed.");
	else
		add(text, "A UDP socket on a port that the kernel picked: a client, as a rule.");
	add_progress(text, found);
}

/* list: length sockets that are alike. */
static void add_time_wait(struct text *text, const struct port_lookup *lookup,
    const struct port_socket *const *list, size_t length)
{
	unsigned first = list[0]->socket.expires_ms;
	unsigned last = first;
	char when[32];

	for (size_t i = 1; i < length; i++) {
		const unsigned left = list[i]->socket.expires_ms;

		first = left < first ? left : first;
		last = left > last ? left : last;
	}
	snprintf(when, sizeof(when), "%.0f to ", first / 1e3);
	if (first / 1000 == last / 1000)
		when[0] = '\0';
	if (length == 1)
		add(text,
		    "Left over from a connection that is closed (TIME_WAIT): no process has it. It "
		    "is gone in %.0f s.",
		    last / 1e3);
	else
		add(text,
		    "Left over from %zu connections that are closed (TIME_WAIT): no process has "
		    "them. They are gone in %s%.0f s.",
		    length, when, last / 1e3);
	/* inet_bind_conflict() in net/ipv4/inet_connection_sock.c; the socket keeps both flags. */
	add(text,
	    "Until then bind() to %s address and port fails (\"Address already in use\") unless "
	    "the old socket and the new one both set SO_REUSEADDR, or both SO_REUSEPORT.",
	    length == 1 ? "its" : "their");
	if (!is_connects(lookup, list[0]->socket.local_port))
		return;
	add(text, list[0]->reusable
		      ? "A connect() to the same destination may take the port over now."
		  : list[0]->may_be_reusable
		      ? "Whether a connect() to the same destination may take the port over now is "
			"not known."
		  : list[0]->is_bound
		      ? "No connect() at all gets the port before, since it belongs to a bind()."
		      : "No connect() to the same destination gets the port before.");
}

void port_words_add_socket(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found)
{
	switch (found->role) {
	case PORT_ROLE_LISTENER:
		add_listener(text, lookup, found);
		break;
	case PORT_ROLE_BOUND:
		add(text, "Held by bind() without use: it neither listens nor is connected.");
		if (is_in_range(lookup, found->socket.local_port))
			add(text, "As long as it is held, no connect() gets the port.");
		break;
	case PORT_ROLE_INBOUND:
		add(text, "A client's connection to the service on port %u%s.",
		    found->socket.local_port,
		    found->chosen == CHOSEN_UNKNOWN && found->socket.state != SOCKET_SYN_RECV &&
			    !port_waits_for_accept(found)
			? ", or one that was opened from the service's own port"
			: "");
		if (port_waits_for_accept(found))
			add(text, "It waits in the accept queue: the service has not accepted it "
				  "yet.");
		add_progress(text, found);
		break;
	case PORT_ROLE_TIME_WAIT:
		add_time_wait(text, lookup, &found, 1);
		break;
	default:
		add_outbound(text, lookup, found);
	}
}

void port_words_add_alike(struct text *text, const struct port_lookup *lookup,
    const struct port_socket *const *list, size_t length)
{
	if (list[0]->role == PORT_ROLE_TIME_WAIT) {
		add_time_wait(text, lookup, list, length);
		return;
	}
	if (length > 1)
		add(text, "Each of these %zu:", length);
	port_words_add_socket(text, lookup, list[0]);
}

bool port_waits_for_accept(const struct port_socket *found)
{
	return found->role == PORT_ROLE_INBOUND && found->socket.inode == 0 &&
	       !found->inode_is_unknown &&
	       (found->socket.state == SOCKET_ESTABLISHED ||
		   found->socket.state == SOCKET_CLOSE_WAIT);
}
