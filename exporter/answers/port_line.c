// SPDX-License-Identifier: Apache-2.0
/* A socket in a line. */
#include <stdio.h>
#include <string.h>

#include "exporter/answers/port_text.h"
#include "exporter/base/terminal.h"

static void format_endpoint(
    const struct socket *socket, const struct socket_address *address, uint16_t port, char *text)
{
	char name[SOCKET_ADDRESS_TEXT];

	if (address == &socket->local)
		socket_bound_format(address, socket->family, socket->interface, name);
	else
		socket_address_format(address, socket->family, socket->interface, name);
	text_make_printable(name); /* it may end in an interface's name */
	socket_endpoint_format(name, socket->family, port, text);
}

static const char *state_of(const struct socket *socket)
{
	if (socket->protocol == SOCKET_UDP)
		return socket->state == SOCKET_CLOSE ? "unconnected" : "connected";
	return socket_state_name(socket->state);
}

void port_text_add_socket(struct text *text, const struct socket *socket)
{
	char endpoint[SOCKET_ENDPOINT_TEXT];

	text_add_string(text, socket_protocol_name(socket->protocol));
	text_add_char(text, ' ');
	text_add_string(text, state_of(socket));
	text_add_char(text, ' ');
	format_endpoint(socket, &socket->local, socket->local_port, endpoint);
	text_add_string(text, endpoint);
	if (!socket->remote_port)
		return;
	text_add_string(text, " -> ");
	format_endpoint(socket, &socket->remote, socket->remote_port, endpoint);
	text_add_string(text, endpoint);
}

void port_text_add_columns(struct text *text, const struct socket *socket)
{
	char endpoint[SOCKET_ENDPOINT_TEXT];

	text_add_string(text, socket_protocol_name(socket->protocol));
	text_add_char(text, '\t');
	text_add_string(text, state_of(socket));
	text_add_char(text, '\t');
	format_endpoint(socket, &socket->local, socket->local_port, endpoint);
	text_add_string(text, endpoint);
	text_add_char(text, '\t');
	if (socket->remote_port)
		format_endpoint(socket, &socket->remote, socket->remote_port, endpoint);
	text_add_string(text, socket->remote_port ? endpoint : "-");
}

/* Prints text, on a new line if it does not fit. Returns the column after it. */
static int print_part(const char *text, int column, int indent, int width)
{
	if (column > indent && column + 1 + (int)strlen(text) > width) {
		putchar('\n');
		column = printf("%*s", indent, "");
	} else if (column > indent) {
		column += printf(" ");
	}
	return column + printf("%s", text);
}

#define HEAD_WIDTH 18 /* "tcp  established  " */

/* The column where a line of that length can begin, at most column. */
static int indent_for(size_t length, int column, int width)
{
	const int latest = width - (int)length;

	return column < latest ? column : latest < 2 ? 2 : latest;
}

void port_text_print_socket(const struct socket *socket, int column, const char *was)
{
	const int width = terminal_width();
	char local[SOCKET_ENDPOINT_TEXT];
	char remote[SOCKET_ENDPOINT_TEXT + 3] = "-> ";
	char note[64];

	format_endpoint(socket, &socket->local, socket->local_port, local);
	format_endpoint(socket, &socket->remote, socket->remote_port, remote + 3);
	const bool connected = socket->remote_port != 0;
	const size_t longest =
	    connected && strlen(remote) > strlen(local) ? strlen(remote) : strlen(local);
	const int behind = column + HEAD_WIDTH;
	const int indent = indent_for(longest, behind, width);

	printf("%s  %-*s", socket_protocol_name(socket->protocol), indent < behind ? 0 : 13,
	    state_of(socket));
	if (indent < behind)
		printf("\n%*s", indent, "");
	column = print_part(local, indent, indent, width);
	if (connected)
		column = print_part(remote, column, indent, width);
	if (was) {
		snprintf(note, sizeof(note), "was %s", was);
		print_part(note, column, indent, width);
	}
	putchar('\n');
}
