// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/port_changes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/grow.h"
#include "exporter/answers/port_group.h"
#include "exporter/answers/port_text.h"

/* Of changes that are alike. "And 1 like these" would use the line of the change itself. */
#define ALIKE_SHOWN 3
#define ALIKE_LISTED (ALIKE_SHOWN + 1)

/* The same socket at another time: connections by their ends, the rest by inode too. */
static bool is_same(const struct socket *a, const struct socket *b)
{
	return socket_same_ends(a, b) && (a->remote_port || a->inode == b->inode);
}

static const struct port_socket *find(const struct port_side *side, const struct socket *socket)
{
	for (size_t i = 0; i < side->length; i++)
		if (is_same(&side->list[i].socket, socket))
			return &side->list[i];
	return NULL;
}

static int append(struct port_change **list, size_t *length, const struct port_socket *found,
    enum socket_state was)
{
	struct port_change *grown = grow_for_one(*list, *length, sizeof(**list));

	if (!grown)
		return -ENOMEM;
	grown[(*length)++] = (struct port_change){found, was};
	*list = grown;
	return 0;
}

/* What is not kept cannot be told from what went. */
static int add_counted(
    struct port_changes *changes, const struct port_side *before, const struct port_side *after)
{
	struct port_counted *grown;

	if (before->total == after->total)
		return 0;
	grown = grow_for_one(changes->counted, changes->counted_length, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[changes->counted_length++] = (struct port_counted){before->total, after->total};
	changes->counted = grown;
	changes->any = true;
	return 0;
}

int port_changes_add(
    struct port_changes *changes, const struct port_side *before, const struct port_side *after)
{
	int result = 0;

	if (before->total > before->length || after->total > after->length)
		return add_counted(changes, before, after);
	for (size_t i = 0; i < before->length && result == 0; i++)
		if (!find(after, &before->list[i].socket))
			result = append(&changes->gone, &changes->gone_length, &before->list[i], 0);
	for (size_t i = 0; i < after->length && result == 0; i++) {
		const struct socket *socket = &after->list[i].socket;
		const struct port_socket *old = find(before, socket);

		if (!old || old->socket.state != socket->state)
			result = append(&changes->list, &changes->length, &after->list[i],
			    old ? old->socket.state : 0);
	}
	changes->any = changes->any || changes->gone_length || changes->length;
	return result;
}

/* Changes of one kind. */
struct kind {
	const struct port_lookup *lookup;
	char sign;
	const char *was; /* NULL: it had no other state */
};

int port_changes_print_start(char sign)
{
	char clock[16];
	struct tm local;
	const time_t now = time(NULL);

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &local));
	return printf("%s %c ", clock, sign);
}

static void print_group(const struct kind *kind, const struct port_group *group)
{
	const size_t shown = group->length > ALIKE_LISTED ? ALIKE_SHOWN : group->length;

	for (size_t i = 0; i < shown; i++)
		port_text_print_socket(
		    &group->list[i]->socket, port_changes_print_start(kind->sign), kind->was);
	if (group->length > shown) {
		port_changes_print_start(kind->sign);
		printf("and %zu like these\n", group->length - shown);
	}
	if (kind->sign != '-')
		port_text_print_group(kind->lookup, group, 11);
}

/* Prints at most *left groups of those that had that state. Returns how many changes it left out.
 */
static size_t print_kind(const struct kind *kind, const struct port_change *list, size_t length,
    enum socket_state was, size_t *left)
{
	cleanup_free const struct port_socket **chosen = calloc(length + 1, sizeof(void *));
	cleanup_free const struct port_socket **room = calloc(length + 1, sizeof(void *));
	cleanup_free bool *rest = calloc(length + 1, sizeof(*rest));
	struct port_group group = {room, 0};
	size_t untold = 0;

	for (size_t i = 0; i < length; i++)
		if (list[i].was == was && chosen)
			chosen[untold++] = list[i].found;

	const size_t all = untold;

	while (chosen && room && rest && *left &&
	       port_group_next(kind->lookup, chosen, all, rest, &group)) {
		print_group(kind, &group);
		untold -= group.length;
		(*left)--;
	}
	return untold;
}

void port_changes_print(const struct port_changes *changes, size_t limit)
{
	struct kind kind = {changes->before, '-', NULL};
	size_t untold;

	for (size_t i = 0; i < changes->counted_length; i++)
		printf("         %lu sockets, %lu before\n", changes->counted[i].after,
		    changes->counted[i].before);
	untold = print_kind(&kind, changes->gone, changes->gone_length, 0, &limit);
	kind = (struct kind){changes->after, '+', NULL};
	untold += print_kind(&kind, changes->list, changes->length, 0, &limit);
	kind.sign = '~';
	for (enum socket_state was = SOCKET_ESTABLISHED; was < SOCKET_STATES; was++) {
		kind.was = socket_state_name(was);
		untold += print_kind(&kind, changes->list, changes->length, was, &limit);
	}
	if (untold) {
		port_changes_print_start(' ');
		printf("and %zu more change%s (--limit)\n", untold, untold == 1 ? "" : "s");
	}
}

void port_changes_release(struct port_changes *changes)
{
	free(changes->gone);
	free(changes->list);
	free(changes->counted);
	*changes = (struct port_changes){0};
}
