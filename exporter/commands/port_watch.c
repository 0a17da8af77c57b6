// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/port_watch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "exporter/answers/port_advice.h"
#include "exporter/answers/port_text.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/port_print.h"

/* Of a port with more sockets than this only their number is watched. */
#define WATCHED_MAX 1000

struct watch {
	const struct options *options;
	port_look *look;
	struct port_lookup *last; /* NULL before the first look */
	struct portset advised;	  /* the ports of the commands that were printed */
};

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

static void print_change(char sign, const struct socket *socket, const char *was)
{
	char clock[16];
	struct tm local;
	const time_t now = time(NULL);

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &local));
	port_text_print_socket(socket, printf("%s %c ", clock, sign), was);
}

static bool compare_sides(const struct port_lookup *lookup, const struct port_side *before,
    const struct port_side *after, bool quiet)
{
	bool changed = before->total != after->total;

	/* What is not kept cannot be told from what went. */
	if (before->total > before->length || after->total > after->length) {
		if (changed && !quiet)
			printf("         %lu sockets, %lu before\n", after->total, before->total);
		return changed;
	}
	for (size_t i = 0; i < before->length; i++) {
		if (find(after, &before->list[i].socket))
			continue;
		changed = true;
		if (!quiet)
			print_change('-', &before->list[i].socket, NULL);
	}
	for (size_t i = 0; i < after->length; i++) {
		const struct socket *socket = &after->list[i].socket;
		const struct port_socket *old = find(before, socket);

		if (old && old->socket.state == socket->state)
			continue;
		changed = true;
		if (quiet)
			continue;
		print_change(
		    old ? '~' : '+', socket, old ? socket_state_name(old->socket.state) : NULL);
		port_text_print_details(lookup, &after->list[i], 11);
	}
	return changed;
}

/*
 * A command for services that came since, and a new one where somebody has changed what is
 * reserved: the one that was printed before would undo that.
 */
static void print_new_advice(struct watch *watch, const struct port_lookup *now)
{
	const struct portset *reserved = &now->settings.reserved;
	struct port_advice advice;
	struct portset untold;

	port_advice_find(now, &watch->options->asked.ports, &advice);
	untold = advice.ports;
	portset_remove(&untold, &watch->advised);
	if (portset_count(&untold) ||
	    memcmp(reserved, &watch->last->settings.reserved, sizeof(*reserved)) != 0)
		port_advice_print(&now->settings, &advice);
	portset_unite(&watch->advised, &advice.ports);
}

/* Prints what is different, unless quiet. Returns whether anything is. */
static bool compare(const struct watch *watch, const struct port_lookup *now, bool quiet)
{
	unsigned position = 0;
	struct port_range range;
	bool changed = false;

	while (portset_next_range(&watch->options->asked.ports, &position, &range)) {
		for (unsigned port = range.first; port <= range.last; port++) {
			const struct port_answer before =
			    port_lookup_answer(watch->last, (uint16_t)port);
			const struct port_answer after = port_lookup_answer(now, (uint16_t)port);

			if (compare_sides(now, &before.local, &after.local, quiet))
				changed = true;
			if (compare_sides(now, &before.remote, &after.remote, quiet))
				changed = true;
		}
	}
	return changed;
}

static int watch_once(void *context)
{
	struct watch *watch = context;
	const bool json = watch->options->json;
	struct port_lookup *now;
	int result = watch->look(watch->options, WATCHED_MAX, &now);

	if (result < 0)
		return result;
	if (!watch->last) {
		struct port_advice advice;

		port_advice_find(now, &watch->options->asked.ports, &advice);
		watch->advised = advice.ports;
		result = port_print(now, watch->options, NULL);
		if (!json)
			puts("\nWatching for changes, until Ctrl-C.");
	} else if (compare(watch, now, json) && json) {
		result = port_print(now, watch->options, NULL);
	} else if (!json) {
		print_new_advice(watch, now);
	}
	port_lookup_free(watch->last);
	watch->last = now;
	return result < 0 ? result : terminal_flush();
}

int port_watch(const struct options *options, port_look *look, bool *ret_any)
{
	struct watch watch = {.options = options, .look = look};
	const int result = terminal_watch(watch_once, &watch);

	*ret_any = watch.last && port_lookup_has_any(watch.last);
	port_lookup_free(watch.last);
	return result;
}
