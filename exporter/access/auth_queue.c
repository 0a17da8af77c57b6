// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/auth_queue.h"

#include <errno.h>

#include "collectors/kernel/clock.h"

int auth_queue_init(struct auth_queue *queue)
{
	*queue = (struct auth_queue){.turns = auth_turns_new()};
	queue->last = &queue->first;
	return queue->turns ? 0 : -ENOMEM;
}

void auth_queue_release(struct auth_queue *queue)
{
	auth_turns_free(queue->turns);
}

static size_t count_of_peer(const struct auth_queue *queue, const struct peer *peer)
{
	size_t count = 0;

	for (const struct auth_request *i = queue->first; i; i = i->next)
		count += peer_is_same(&i->peer, peer);
	return count;
}

/* The newest request of the peer that has most; of several such peers, of one whose turn is last.
 */
static struct auth_request *find_crowded(const struct auth_queue *queue, size_t *ret_count)
{
	struct auth_request *found = NULL;

	*ret_count = 0;
	for (struct auth_request *i = queue->first; i; i = i->next) {
		const size_t count = count_of_peer(queue, &i->peer);

		if (!found || count > *ret_count ||
		    (count == *ret_count && i->turn >= found->turn)) {
			found = i;
			*ret_count = count;
		}
	}
	return found;
}

/* The newest of those whose turn is the last. */
static struct auth_request *find_last_turn(const struct auth_queue *queue)
{
	struct auth_request *found = NULL;

	for (struct auth_request *i = queue->first; i; i = i->next)
		if (!found || i->turn >= found->turn)
			found = i;
	return found;
}

/*
 * Who gives up a place of a full queue for a newcomer of that peer; NULL: nobody. Where two peers
 * have as many, neither takes a place from the other: they would do so in turns, and none would
 * be answered.
 */
static struct auth_request *find_victim(const struct auth_queue *queue, const struct peer *peer)
{
	const size_t own = count_of_peer(queue, peer);
	size_t most;
	struct auth_request *victim = find_crowded(queue, &most);

	if (most >= own + 2)
		return victim;
	victim = find_last_turn(queue);
	return own == 0 && victim->turn > auth_turns_of(queue->turns, peer) ? victim : NULL;
}

bool auth_queue_has_place(const struct auth_queue *queue, const struct peer *peer)
{
	if (count_of_peer(queue, peer) >= AUTH_WAITING_OF_A_PEER_MAX)
		return false;
	return queue->length < AUTH_WAITING_MAX || find_victim(queue, peer);
}

static struct auth_request *take(struct auth_queue *queue, struct auth_request **link)
{
	struct auth_request *request = *link;

	*link = request->next;
	if (!*link)
		queue->last = link;
	queue->length--;
	request->next = NULL;
	return request;
}

static void take_this(struct auth_queue *queue, const struct auth_request *request)
{
	struct auth_request **link = &queue->first;

	while (*link && *link != request)
		link = &(*link)->next;
	if (*link)
		take(queue, link);
}

struct auth_request *auth_queue_add(struct auth_queue *queue, struct auth_request *request)
{
	struct auth_request *victim = NULL;

	if (!auth_queue_has_place(queue, &request->peer))
		return request;
	if (queue->length >= AUTH_WAITING_MAX) {
		victim = find_victim(queue, &request->peer);
		take_this(queue, victim);
	}
	request->turn = auth_turns_of(queue->turns, &request->peer);
	request->next = NULL;
	*queue->last = request;
	queue->last = &request->next;
	queue->length++;
	return victim;
}

struct auth_request *auth_queue_take(struct auth_queue *queue)
{
	struct auth_request **found = &queue->first;

	if (!queue->first)
		return NULL;
	for (struct auth_request **link = &queue->first; *link; link = &(*link)->next)
		if ((*link)->turn < (*found)->turn)
			found = link;
	return take(queue, found);
}

/* Takes out those for which is_wanted() is true, in their order. */
static struct auth_request *take_those(struct auth_queue *queue,
    bool (*is_wanted)(const struct auth_request *request, const void *context), const void *context)
{
	struct auth_request *list = NULL;
	struct auth_request **end = &list;
	struct auth_request **link = &queue->first;

	while (*link) {
		if (!is_wanted(*link, context)) {
			link = &(*link)->next;
			continue;
		}
		*end = take(queue, link);
		end = &(*end)->next;
	}
	return list;
}

static bool has_digest(const struct auth_request *request, const void *digest)
{
	return digest_equal(request->digest.bytes, digest, sizeof(request->digest.bytes));
}

struct auth_request *auth_queue_take_same(struct auth_queue *queue, const struct digest *digest)
{
	return take_those(queue, has_digest, digest->bytes);
}

static bool is_late(const struct auth_request *request, const void *now)
{
	return clock_is_past(&request->deadline, now);
}

struct auth_request *auth_queue_take_late(struct auth_queue *queue)
{
	const struct timespec now = clock_now();

	return take_those(queue, is_late, &now);
}

static bool is_any(const struct auth_request *request, const void *context)
{
	(void)request;
	(void)context;
	return true;
}

struct auth_request *auth_queue_take_all(struct auth_queue *queue)
{
	return take_those(queue, is_any, NULL);
}

void auth_queue_note(struct auth_queue *queue, const struct auth_request *request, bool granted)
{
	const unsigned long turn = auth_turns_note(queue->turns, &request->peer, granted);

	for (struct auth_request *i = queue->first; i; i = i->next)
		if (peer_is_same(&i->peer, &request->peer))
			i->turn = turn;
}
