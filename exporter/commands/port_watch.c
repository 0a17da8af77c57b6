// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/port_watch.h"

#include <stdio.h>
#include <string.h>

#include "exporter/answers/port_advice.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/port_changes.h"
#include "exporter/commands/port_print.h"
#include "exporter/commands/port_snat_changes.h"

/* Of a port with more sockets than this only their number is watched. */
#define WATCHED_MAX 1000

struct watch {
	const struct options *options;
	port_look *look;
	struct port_lookup *last; /* NULL before the first look */
	struct portset advised;	  /* the ports of the commands that were printed */
};

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

/* Finds what is different. Returns 0 or -ENOMEM. */
static int compare(
    const struct watch *watch, const struct port_lookup *now, struct port_changes *changes)
{
	unsigned position = 0;
	struct port_range range;
	int result = 0;

	*changes = (struct port_changes){.before = watch->last, .after = now};
	while (portset_next_range(&watch->options->asked.ports, &position, &range)) {
		for (unsigned port = range.first; port <= range.last && result == 0; port++) {
			const struct port_answer before =
			    port_lookup_answer(watch->last, (uint16_t)port);
			const struct port_answer after = port_lookup_answer(now, (uint16_t)port);

			result = port_changes_add(changes, &before.local, &after.local);
			if (result == 0)
				result = port_changes_add(changes, &before.remote, &after.remote);
		}
	}
	return result;
}

static int print_first(struct watch *watch, const struct port_lookup *now)
{
	struct port_advice advice;
	int result;

	port_advice_find(now, &watch->options->asked.ports, &advice);
	watch->advised = advice.ports;
	result = port_print(now, watch->options, NULL);
	if (!watch->options->json)
		puts("\nWatching for changes, until Ctrl-C.");
	return result;
}

static int print_next(struct watch *watch, const struct port_lookup *now)
{
	struct port_changes changes;
	int result = compare(watch, now, &changes);

	if (result == 0 && watch->options->json) {
		result = changes.any || port_snat_has_changed(watch->last->snat, now->snat)
			     ? port_print(now, watch->options, NULL)
			     : 0;
	} else if (result == 0) {
		port_changes_print(&changes, watch->options->limit);
		port_snat_changes_print(watch->last->snat, now->snat, watch->options->limit);
		print_new_advice(watch, now);
	}
	port_changes_release(&changes);
	return result;
}

static int watch_once(void *context)
{
	struct watch *watch = context;
	struct port_lookup *now;
	int result = watch->look(watch->options, WATCHED_MAX, &now);

	if (result < 0)
		return result;
	result = watch->last ? print_next(watch, now) : print_first(watch, now);
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
