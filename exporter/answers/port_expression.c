// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_expression.h"

#include "exporter/base/number.h"

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
		return "the range must not end before it begins";
	*ret_range = range;
	return NULL;
}
