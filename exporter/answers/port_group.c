// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_group.h"

#include <stdlib.h>
#include <string.h>

#include "exporter/answers/port_holders.h"
#include "exporter/answers/port_words.h"

static bool have_same_processes(
    const struct port_lookup *lookup, const struct port_socket *a, const struct port_socket *b)
{
	const enum port_holders holders = port_holders_of(lookup, a);
	size_t lengths[2];
	size_t j = 0;

	if (port_holders_of(lookup, b) != holders)
		return false;
	if (holders != PORT_HOLDERS_FOUND)
		return true;

	const struct holding *left =
	    process_search_holdings(lookup->processes, a->socket.inode, &lengths[0]);
	const struct holding *right =
	    process_search_holdings(lookup->processes, b->socket.inode, &lengths[1]);

	for (size_t i = 0; i < lengths[0]; i++) {
		if (i && left[i].pid == left[i - 1].pid)
			continue;
		if (j == lengths[1] || right[j].pid != left[i].pid)
			return false;
		while (j < lengths[1] && right[j].pid == left[i].pid)
			j++;
	}
	return j == lengths[1];
}

static bool have_same_owner(const struct port_socket *a, const struct port_socket *b)
{
	if ((a->socket.inode == 0) != (b->socket.inode == 0) ||
	    (a->socket.inode && a->socket.uid != b->socket.uid))
		return false;
	return a->cgroup && b->cgroup ? strcmp(a->cgroup, b->cgroup) == 0 : a->cgroup == b->cgroup;
}

/* meaning: what is said of a. */
static bool have_same_meaning(const struct port_lookup *lookup, const struct port_socket *a,
    const struct text *meaning, const struct port_socket *b)
{
	struct text other = {0};
	/* Their times may differ, and are shown as a range. */
	struct port_socket as_late = *b;

	as_late.socket.expires_ms = a->socket.expires_ms;
	port_words_add_socket(&other, lookup, &as_late);

	const bool same = !other.error && !meaning->error && other.length == meaning->length &&
			  memcmp(other.data, meaning->data, other.length) == 0;

	free(other.data);
	return same;
}

/* If it matters whether TIME_WAIT is reusable, the meaning includes it. */
static bool are_alike(const struct port_lookup *lookup, const struct port_socket *a,
    const struct text *meaning, const struct port_socket *b)
{
	return a->socket.protocol == b->socket.protocol && a->socket.state == b->socket.state &&
	       a->role == b->role && a->chosen == b->chosen && have_same_owner(a, b) &&
	       have_same_processes(lookup, a, b) && have_same_meaning(lookup, a, meaning, b);
}

bool port_group_next(const struct port_lookup *lookup, const struct port_socket *const *list,
    size_t length, bool *rest, struct port_group *ret_group)
{
	struct text meaning = {0};

	ret_group->length = 0;
	for (size_t i = 0; i < length; i++) {
		if (rest[i])
			continue;
		if (ret_group->length == 0)
			port_words_add_socket(&meaning, lookup, list[i]);
		else if (!are_alike(lookup, ret_group->list[0], &meaning, list[i]))
			continue;
		rest[i] = true;
		ret_group->list[ret_group->length++] = list[i];
	}
	free(meaning.data);
	return ret_group->length > 0;
}

static int compare_holdings(const void *a, const void *b)
{
	const struct holding *left = a;
	const struct holding *right = b;

	return left->pid != right->pid ? (left->pid > right->pid) - (left->pid < right->pid)
				       : (left->fd > right->fd) - (left->fd < right->fd);
}

struct holding *port_group_holdings(
    const struct port_lookup *lookup, const struct port_group *group, size_t *ret_length)
{
	struct holding *all = NULL;
	size_t length = 0;

	*ret_length = 0;
	for (size_t i = 0; i < group->length; i++) {
		size_t more;
		const struct holding *found =
		    process_search_holdings(lookup->processes, group->list[i]->socket.inode, &more);
		struct holding *grown = realloc(all, (length + more + 1) * sizeof(*all));

		if (!grown) {
			free(all);
			return NULL;
		}
		all = grown;
		for (size_t j = 0; j < more; j++)
			all[length + j] = found[j];
		length += more;
	}
	if (length)
		qsort(all, length, sizeof(*all), compare_holdings);
	*ret_length = length;
	return all;
}
