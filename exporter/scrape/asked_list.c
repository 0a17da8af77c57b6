// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/asked_list.h"

#include <stdio.h>
#include <string.h>

static size_t place_of(const struct asked_list *asked, const char *namespace)
{
	size_t i = 0;

	while (i < asked->length && strcmp(asked->list[i].name, namespace) != 0)
		i++;
	return i;
}

const struct netns_asked *asked_list_find(const struct asked_list *asked, const char *namespace)
{
	const size_t place = place_of(asked, namespace);

	return place < asked->length ? &asked->list[place] : NULL;
}

void asked_list_add(struct asked_list *asked, const char *namespace, uint16_t port, size_t limit)
{
	const size_t place = place_of(asked, namespace);
	struct ports_asked *ports;

	if (place == ASKED_LIST_MAX)
		return;
	if (place == asked->length) {
		asked->list[place] = (struct netns_asked){0};
		snprintf(asked->list[place].name, NETNS_ASKED_NAME, "%s", namespace);
		asked->length++;
	}
	if (!port)
		return;
	ports = &asked->list[place].ports;
	portset_add(&ports->ports, port);
	if (limit > ports->limit)
		ports->limit = limit;
}

bool asked_list_has(
    const struct asked_list *asked, const char *namespace, uint16_t port, size_t limit)
{
	const struct netns_asked *found = asked_list_find(asked, namespace);

	return found &&
	       (!port || (portset_has(&found->ports.ports, port) && limit <= found->ports.limit));
}
