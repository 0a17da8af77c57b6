// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/asked_mark.h"

#include <arpa/inet.h>
#include <string.h>

#include "collectors/views/port_marks.h"
#include "exporter/base/number.h"

#define TO_SIZE (SOCKET_ENDPOINT_TEXT + IF_NAMESIZE)

/* text: "fe80::1%eth0", without brackets; it is changed. Returns whether it is an address. */
static bool read_address(struct mark_asked *mark, char *text)
{
	char *zone = strchr(text, '%');
	const int family = mark->family == SOCKET_IPV6 ? AF_INET6 : AF_INET;

	if (zone) {
		*zone++ = '\0';
		if (!*zone || strlen(zone) >= sizeof(mark->interface))
			return false;
		memcpy(mark->interface, zone, strlen(zone) + 1);
	}
	if (inet_pton(family, text, mark->address.bytes) != 1)
		return false;
	mark->family = socket_address_normalise(mark->family, &mark->address);
	return true;
}

const char *asked_mark_parse_to(const struct site *site, const char *value, struct route *route)
{
	static const char wrong[] =
	    "to must be an address and a port, such as 10.0.0.1:443 or [::1]:443";
	struct mark_asked mark = {0};
	char text[TO_SIZE];
	size_t length;
	unsigned long port;
	char *colon;

	(void)site;
	if (route->has_mark)
		return "give either to or owner";
	if (strlen(value) >= sizeof(text))
		return wrong;
	memcpy(text, value, strlen(value) + 1);
	colon = strrchr(text, ':');
	if (!colon || strlen(colon + 1) > 5 || !number_parse(colon + 1, 1, PORTS - 1, &port))
		return wrong;
	mark.port = (uint16_t)port;
	*colon = '\0';
	length = strlen(text);
	if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
		mark.family = SOCKET_IPV6;
		text[length - 1] = '\0';
	}
	if (!read_address(&mark, text + (mark.family == SOCKET_IPV6)))
		return wrong;
	route->mark = mark;
	route->has_mark = true;
	return NULL;
}

const char *asked_mark_parse_owner(const struct site *site, const char *value, struct route *route)
{
	(void)site;
	if (route->has_mark)
		return "give either to or owner";
	if (!*value || strlen(value) >= sizeof(route->mark.owner))
		return "owner must be the path of a cgroup or a part of it, such as web.service, "
		       "POD or "
		       "NAMESPACE/POD, of at most 511 bytes";
	memcpy(route->mark.owner, value, strlen(value) + 1);
	route->has_mark = true;
	return NULL;
}

const struct portset *asked_mark_find(const struct route *route, const struct scrape_result *result,
    const void *state, struct answer *ret_answer)
{
	const size_t place = marks_asked_find(result->marks, &route->mark);

	if (place < MARKS_MAX)
		return port_marks_found(state, place);
	*ret_answer = answer_unavailable(
	    true, "requests at the same time ask for too many different destinations and owners");
	return NULL;
}
