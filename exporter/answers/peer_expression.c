// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/peer_expression.h"

#include <arpa/inet.h>
#include <string.h>

#include "exporter/answers/port_expression.h"
#include "exporter/base/number.h"

/* More than any network in brackets with a range of ports. */
#define PART_SIZE 80

static const char malformed[] = "must be an address such as 10.0.0.1, a network such as "
				"10.0.0.0/8, a port such as :443, or both such as 10.0.0.1:443 or "
				"[::1]:443";

/* A network of IPv4-mapped addresses, or such an address. */
static void normalise(struct peer_term *term)
{
	if (term->bits < 96)
		return;
	term->family = socket_address_normalise(term->family, &term->address);
	if (term->family == SOCKET_IPV4)
		term->bits -= 96;
}

/* text: an address, and perhaps a slash and a number; it is changed. */
static const char *read_network(struct peer_term *term, char *text)
{
	const bool is_ipv6 = strchr(text, ':');
	const unsigned all = is_ipv6 ? 128 : 32;
	char *slash = strchr(text, '/');
	unsigned long bits = all;

	if (strchr(text, '%'))
		return "must be an address without the name of an interface (%)";
	if (slash) {
		*slash = '\0';
		if (!number_parse(slash + 1, 0, all, &bits))
			return is_ipv6 ? "must have a number from 0 to 128 after the slash"
				       : "must have a number from 0 to 32 after the slash";
	}
	if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, term->address.bytes) != 1)
		return malformed;
	term->has_address = true;
	term->family = is_ipv6 ? SOCKET_IPV6 : SOCKET_IPV4;
	term->bits = (unsigned)bits;
	if (is_ipv6)
		normalise(term);
	return NULL;
}

static const char *read_ports(struct peer_term *term, const char *text)
{
	const char *wrong = port_expression_parse(text, &term->ports);

	term->has_ports = !wrong;
	return wrong ? "must have a port from 1 to 65535 after the colon, or a range such as "
		       "8000-8080"
		     : NULL;
}

/* text: "[ADDRESS]", and what may follow; it is changed. */
static const char *read_brackets(struct peer_term *term, char *text)
{
	char *end = strchr(text, ']');
	char *colon;
	const char *wrong;

	if (!end || !memchr(text, ':', (size_t)(end - text)))
		return malformed;
	/* A slash may also follow the bracket: it is moved before the address is read. */
	colon = strchr(end, ':');
	if (colon)
		*colon = '\0';
	memmove(end, end + 1, strlen(end + 1) + 1);
	if (end[0] && end[0] != '/')
		return malformed;
	wrong = read_network(term, text + 1);
	return wrong || !colon ? wrong : read_ports(term, colon + 1);
}

/* text: one of the list; it is changed. */
static const char *read_term(struct peer_term *term, char *text)
{
	char *colon = strchr(text, ':');
	const char *wrong;

	if (*text && text[strspn(text, "0123456789-")] == '\0')
		return "must have a colon before a port, such as :443";
	if (*text == '[')
		return read_brackets(term, text);
	if (!colon || strchr(colon + 1, ':'))
		return *text ? read_network(term, text) : malformed;
	*colon = '\0';
	wrong = colon == text ? NULL : read_network(term, text);
	return wrong ? wrong : read_ports(term, colon + 1);
}

/* Copies the part up to the next comma. Returns what follows it, or NULL: it is too long. */
static const char *next_part(const char *text, char *part, size_t size)
{
	const size_t length = strcspn(text, ",");

	if (length >= size)
		return NULL;
	memcpy(part, text, length);
	part[length] = '\0';
	return text + length;
}

const char *peer_expression_parse(const char *text, struct peer_filter *ret_filter)
{
	struct peer_filter filter = {0};

	for (;; text++) {
		char part[PART_SIZE];
		const char *wrong;

		text = next_part(text, part, sizeof(part));
		if (!text)
			return malformed;
		if (filter.length == PEER_TERMS_MAX)
			return "there may be at most 16, with commas between them";
		wrong = read_term(&filter.terms[filter.length++], part);
		if (wrong)
			return wrong;
		if (!*text)
			break;
	}
	*ret_filter = filter;
	return NULL;
}

/* Whether they are the same but for their case and for - and _. */
static bool is_name(const char *text, const char *name)
{
	for (;;) {
		text += strspn(text, "-_");
		name += strspn(name, "-_");
		if ((*text >= 'A' && *text <= 'Z' ? *text + 32 : *text) != *name)
			return false;
		if (!*text)
			return true;
		text++;
		name++;
	}
}

static bool add_state(struct state_set *states, const char *text)
{
	/* Of UDP as the answers for people say it; in JSON it has TCP's names. */
	if (is_name(text, "connected")) {
		states->of[SOCKET_UDP] |= 1u << SOCKET_ESTABLISHED;
		return true;
	}
	if (is_name(text, "unconnected")) {
		states->of[SOCKET_UDP] |= 1u << SOCKET_CLOSE;
		return true;
	}
	for (enum socket_state i = SOCKET_ESTABLISHED; i < SOCKET_STATES; i++) {
		if (i == SOCKET_CLOSE || i == SOCKET_NEW_SYN_RECV ||
		    !is_name(text, socket_state_name(i)))
			continue;
		states->of[SOCKET_TCP] |= 1u << i;
		return true;
	}
	return false;
}

const char *state_expression_parse(const char *text, struct state_set *ret_states)
{
	struct state_set states = {{0}};

	for (;; text++) {
		char part[PART_SIZE];

		text = next_part(text, part, sizeof(part));
		if (!text || !add_state(&states, part))
			return "must be states with commas between them: listen, bound, "
			       "established, syn-sent, syn-recv, fin-wait1, fin-wait2, time-wait, "
			       "close-wait, last-ack, closing; of UDP connected, unconnected";
		if (!*text)
			break;
	}
	*ret_states = states;
	return NULL;
}
