// SPDX-License-Identifier: Apache-2.0
#include "collectors/marks_asked.h"

#include <string.h>

bool mark_asked_same(const struct mark_asked *a, const struct mark_asked *b)
{
	return strcmp(a->owner, b->owner) == 0 && a->family == b->family && a->port == b->port &&
	       memcmp(&a->address, &b->address, sizeof(a->address)) == 0 &&
	       strcmp(a->interface, b->interface) == 0;
}

size_t marks_asked_find(const struct marks_asked *asked, const struct mark_asked *mark)
{
	for (size_t i = 0; i < asked->length; i++)
		if (mark_asked_same(&asked->list[i], mark))
			return i;
	return MARKS_MAX;
}

void marks_asked_add(struct marks_asked *asked, const struct mark_asked *mark)
{
	if (asked->length < MARKS_MAX && marks_asked_find(asked, mark) == MARKS_MAX)
		asked->list[asked->length++] = *mark;
}
