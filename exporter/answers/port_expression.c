// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_expression.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "exporter/base/number.h"

/* More than any address in brackets, and than any name of a service in use. */
#define PART_SIZE 64

static const char upside_down[] = "the range must not end before it begins";

/* Returns the text after the number; NULL if there is none or it is not a port. */
static const char *parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long port = 0;
	const char *end = number_read(text, PORTS - 1, &port);

	*ret_port = (uint16_t)port;
	return port > 0 ? end : NULL;
}

const char *port_expression_parse(const char *text, struct port_range *ret_range)
{
	static const char no_port[] =
	    "must be a port from 1 to 65535, or a range such as 8000-8080";
	struct port_range range;
	const char *end = parse_port(text, &range.first);

	if (!end)
		return no_port;
	range.last = range.first;
	if (*end == '-')
		end = parse_port(end + 1, &range.last);
	if (!end || *end)
		return no_port;
	if (range.last < range.first)
		return upside_down;
	*ret_range = range;
	return NULL;
}

static const char *add_term(
    struct port_asked *asked, const struct port_term *term, struct port_range range)
{
	if (!term->has_protocol && !term->has_address) {
		portset_add_range(&asked->whole, range);
	} else if (asked->length < PORT_TERMS_MAX) {
		asked->terms[asked->length] = *term;
		asked->terms[asked->length++].range = range;
	} else {
		return "there may be at most 64 ports with a protocol or an address";
	}
	portset_add_range(&asked->ports, range);
	return NULL;
}

/* The names of a service's port by protocol, which hardly ever differ. */
static const char *add_service(
    struct port_asked *asked, const struct port_term *term, const char *name)
{
	static const char *const protocols[] = {[SOCKET_TCP] = "tcp", [SOCKET_UDP] = "udp"};
	const char *wrong = "no service in /etc/services has this name; ports are from 1 to 65535";

	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++) {
		struct servent entry;
		struct servent *found = NULL;
		char buffer[2048];

		if ((term->has_protocol && term->protocol != i) ||
		    getservbyname_r(name, protocols[i], &entry, buffer, sizeof(buffer), &found) !=
			0 ||
		    !found)
			continue;

		const uint16_t port = ntohs((uint16_t)found->s_port);

		if (port == 0)
			continue;
		wrong = add_term(asked, term, (struct port_range){port, port});
		if (wrong)
			break;
		portset_add(&asked->named, port);
	}
	return wrong;
}

/* What getservbyname() may be asked for: all that IANA allows, and what /etc/services has beside.
 */
static bool may_be_name(const char *text)
{
	return *text &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+.") ==
		   strlen(text) &&
	       strpbrk(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static const char *add_ports(
    struct port_asked *asked, const struct port_term *term, const char *text)
{
	struct port_range range;
	const char *wrong = port_expression_parse(text, &range);

	if (wrong && wrong != upside_down && may_be_name(text))
		return add_service(asked, term, text);
	if (wrong)
		return wrong == upside_down ? wrong
					    : "must be a port from 1 to 65535, a range such as "
					      "8000-8080, or a service such as http";
	wrong = add_term(asked, term, range);
	if (!wrong && !strchr(text, '-'))
		portset_add(&asked->named, range.first);
	return wrong;
}

/* text: "10.0.0.1" or "[::1]"; it is changed. */
static const char *read_address(struct port_term *term, char *text)
{
	const size_t length = strlen(text);
	const bool brackets = text[0] == '[' && text[length - 1] == ']';

	term->has_address = true;
	term->family = brackets ? SOCKET_IPV6 : SOCKET_IPV4;
	if (brackets)
		text[length - 1] = '\0';
	if (inet_pton(brackets ? AF_INET6 : AF_INET, text + brackets, term->address.bytes) != 1)
		return "an address before a port must be such as in 10.0.0.1:443 or [::1]:443; "
		       "ports are from 1 to 65535";
	term->family = socket_address_normalise(term->family, &term->address);
	return NULL;
}

/* text: one of the list; it is changed. */
static const char *add_one(struct port_asked *asked, char *text)
{
	struct port_term term = {0};
	char *colon;

	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++) {
		const char *name = socket_protocol_name(i);
		const size_t length = strlen(name);

		if (strncmp(text, name, length) != 0 || text[length] != '/')
			continue;
		term.has_protocol = true;
		term.protocol = i;
		text += length + 1;
		break;
	}
	colon = strrchr(text, ':');
	if (colon) {
		*colon = '\0';
		if (colon != text) {
			const char *wrong = read_address(&term, text);

			if (wrong)
				return wrong;
		}
		text = colon + 1;
	}
	return add_ports(asked, &term, text);
}

const char *port_expression_add(struct port_asked *asked, const char *text)
{
	for (;;) {
		const size_t length = strcspn(text, ",");
		char part[PART_SIZE];
		const char *wrong = "";

		if (length < sizeof(part)) {
			memcpy(part, text, length);
			part[length] = '\0';
			wrong = add_one(asked, part);
		} else {
			wrong = "is too long for a port from 1 to 65535";
		}
		if (wrong || !text[length])
			return wrong;
		text += length + 1;
	}
}
