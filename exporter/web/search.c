// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/search.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "exporter/answers/port_expression.h"
#include "exporter/base/json.h"
#include "exporter/web/asked_mark.h"

/* Of a list with more, the first are named; the number counts all. */
#define RANGES 100

struct reading {
	char *text; /* has room for ROUTE_SEARCH_SIZE */
	unsigned times;
	bool is_long;
	bool is_other_case;
};

static void read_one(void *context, const char *key, const char *value)
{
	struct reading *reading = context;

	if (strcasecmp(key, "q") != 0)
		return;
	if (strcmp(key, "q") != 0)
		reading->is_other_case = true;
	reading->times++;
	reading->is_long = snprintf(reading->text, ROUTE_SEARCH_SIZE, "%s", value ? value : "") >=
			   ROUTE_SEARCH_SIZE;
}

enum endpoint_found search_parse(const struct site *site, const struct http_request *request,
    const char *rest, struct route *route)
{
	struct reading reading = {.text = route->search};
	const char *wrong = NULL;

	(void)site;
	(void)rest;
	request->parameters(request->source, read_one, &reading);
	if (reading.is_other_case)
		wrong = "there is no parameter \"Q\"; did you mean \"q\"?";
	else if (reading.times > 1)
		wrong = "q is given more than once; give it once";
	else if (!route->search[0] || reading.is_long)
		wrong = "q must be what to search for, of at most 99 bytes: a port, a range, an "
			"address, an address and a port, or a service";
	if (!wrong)
		return FOUND;
	route->answer = answer_error(true, 400, "%s", wrong);
	return FOUND_WRONG;
}

/* "10.0.0.1", "::1", "[::1]" or "fe80::1%eth0"; writes it in its usual form. */
static bool find_address(const char *text, char address[static SOCKET_ADDRESS_TEXT])
{
	const size_t length = strlen(text);
	const bool brackets = length > 2 && text[0] == '[' && text[length - 1] == ']';
	const bool ipv6 = strchr(text, ':') != NULL;
	const char *zone = strchr(text, '%');
	const size_t end = zone ? (size_t)(zone - text) : length - brackets;
	const size_t start = brackets;
	struct socket_address found = {{0}};
	char plain[SOCKET_ADDRESS_TEXT];

	if (zone && length - brackets - end < 2)
		return false;
	if (end - start >= sizeof(plain) || length - brackets - end > IF_NAMESIZE)
		return false;
	memcpy(plain, text + start, end - start);
	plain[end - start] = '\0';
	if (inet_pton(ipv6 ? AF_INET6 : AF_INET, plain, found.bytes) != 1)
		return false;
	socket_address_format(&found, ipv6 ? SOCKET_IPV6 : SOCKET_IPV4, 0, plain);
	return snprintf(address, SOCKET_ADDRESS_TEXT, "%s%.*s", plain,
		   (int)(length - brackets - end), text + end) < SOCKET_ADDRESS_TEXT;
}

static void add_destination(struct json *root, const struct mark_asked *mark)
{
	char address[SOCKET_ADDRESS_TEXT];
	char whole[SOCKET_ADDRESS_TEXT + IF_NAMESIZE + 1];

	socket_address_format(&mark->address, mark->family, 0, address);
	snprintf(whole, sizeof(whole), "%s%s%s", address, mark->interface[0] ? "%" : "",
	    mark->interface);
	json_add_string(root, "address", whole);
	json_add_number(root, "port", mark->port);
}

static void add_ports(struct json *root, const char *text)
{
	struct port_asked asked = {0};
	const char *wrong = port_expression_add(&asked, text);
	struct port_range range;
	struct json *list;
	unsigned position = 0;

	if (wrong) {
		json_add_string(root, "wrong", wrong);
		return;
	}
	json_add_number(root, "ports", portset_count(&asked.ports));
	list = json_add_array(root, "ranges");
	for (unsigned i = 0; i < RANGES && portset_next_range(&asked.ports, &position, &range);
	     i++) {
		struct json *item = json_append_object(list);

		json_add_number(item, "first_port", range.first);
		json_add_number(item, "last_port", range.last);
	}
}

struct answer search_render(const struct site *site, const struct route *route, const void *nothing)
{
	struct json *root = json_new_object();
	struct route asked = {0};
	char address[SOCKET_ADDRESS_TEXT];
	struct answer answer;

	(void)nothing;
	json_add_string(root, "query", route->search);
	if (find_address(route->search, address))
		json_add_string(root, "address", address);
	else if (!asked_mark_parse_to(site, route->search, &asked))
		add_destination(root, &asked.mark);
	else
		add_ports(root, route->search);
	answer = answer_json(json_print(root));
	json_free(root);
	answer_compress(&answer, route->gzip);
	return answer;
}
