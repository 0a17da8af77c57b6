// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_place.h"

#include <stdlib.h>
#include <string.h>

void port_place_name(const struct port_lookup *lookup, struct text *text)
{
	static const char host[] = "this host";
	const size_t length = strlen(host);
	struct text named = {0};
	const char *at = text->data;
	const char *next;

	if (!lookup->is_elsewhere || text->error)
		return;
	for (size_t left = text->length; left;
	     left -= (size_t)(next - at) + length, at = next + length) {
		next = memmem(at, left, host, length);
		if (!next) {
			text_add(&named, at, left);
			break;
		}
		text_add(&named, at, (size_t)(next - at));
		text_add_string(&named, "this network namespace");
	}
	free(text->data);
	*text = named;
}
