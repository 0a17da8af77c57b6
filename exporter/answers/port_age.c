// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_age.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "collectors/kernel/port_use.h"

bool port_age_of(const struct port_socket *found, uint64_t *ret_ms)
{
	const struct socket *socket = &found->socket;

	if (socket->state == SOCKET_TIME_WAIT) {
		*ret_ms = socket->expires_ms < TIME_WAIT_MS ? TIME_WAIT_MS - socket->expires_ms : 0;
		return true;
	}
	*ret_ms = socket->age_ms;
	return socket->tells_age;
}

bool port_age_is_exact(const struct port_socket *found)
{
	return found->socket.state == SOCKET_TIME_WAIT || found->socket.age_is_exact;
}

/* Two of a unit at least, so that little is lost by rounding. */
void port_age_words(uint64_t ms, char text[static PORT_AGE_WORDS_SIZE])
{
	const uint64_t seconds = ms / 1000;

	if (seconds < 120)
		snprintf(text, PORT_AGE_WORDS_SIZE, "%" PRIu64 " s", seconds);
	else if (seconds < 120ull * 60)
		snprintf(text, PORT_AGE_WORDS_SIZE, "%" PRIu64 " min", seconds / 60);
	else if (seconds < 48ull * 3600)
		snprintf(text, PORT_AGE_WORDS_SIZE, "%" PRIu64 " h", seconds / 3600);
	else
		snprintf(text, PORT_AGE_WORDS_SIZE, "%" PRIu64 " days", seconds / 86400);
}

/* qsort() may change the order of equal ones. */
struct aged {
	struct port_socket socket;
	size_t before;
	uint64_t ms;
	bool is_known;
};

static int compare(const void *a, const void *b)
{
	const struct aged *left = a;
	const struct aged *right = b;

	if (left->is_known != right->is_known)
		return left->is_known ? -1 : 1;
	if (left->ms != right->ms)
		return left->ms > right->ms ? -1 : 1;
	return left->before < right->before ? -1 : 1;
}

void port_age_sort(struct port_side *side)
{
	struct aged *list = calloc(side->length ? side->length : 1, sizeof(*list));

	if (!list)
		return;
	for (size_t i = 0; i < side->length; i++) {
		list[i].socket = side->list[i];
		list[i].before = i;
		list[i].is_known = port_age_of(&side->list[i], &list[i].ms);
		if (!list[i].is_known)
			list[i].ms = 0;
	}
	qsort(list, side->length, sizeof(*list), compare);
	for (size_t i = 0; i < side->length; i++)
		side->list[i] = list[i].socket;
	free(list);
}
