// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/holders.h"

#include <errno.h>
#include <string.h>

void holders_note_bind(struct holders *holders, const struct socket *socket)
{
	if (socket->state == SOCKET_LISTEN)
		portset_add(&holders->listen, socket->local_port);
	else
		portset_add(&holders->bound, socket->local_port);
}

void facts_finish(struct facts *facts)
{
	memset(&facts->usable, 0, sizeof(facts->usable));
	portset_add_range(&facts->usable, facts->settings.range);
	portset_remove(&facts->usable, &facts->settings.reserved);
	portset_remove(&facts->usable, &facts->holders.listen);
	portset_remove(&facts->usable, &facts->holders.bound);
	portset_remove(&facts->usable, &facts->holders.connected);
	facts->capacity = portset_count(&facts->usable);
}

struct note {
	struct portset *ports;
	int (*batch)(void *context);
	void *context;
};

static int note_port(void *context, const struct socket *socket)
{
	const struct note *note = context;

	portset_add(note->ports, socket->local_port);
	return 0;
}

static int pass_batch(void *context)
{
	const struct note *note = context;

	return note->batch(note->context);
}

static double seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + 1e-9 * (double)(now.tv_nsec - then->tv_nsec);
}

static bool is_due(
    const struct chosen_ports *chosen, unsigned long refresh_sockets, unsigned refresh_seconds)
{
	const bool never = chosen->listed.tv_sec == 0 && chosen->listed.tv_nsec == 0;

	return never || chosen->sockets <= refresh_sockets ||
	       seconds_since(&chosen->listed) >= refresh_seconds;
}

int holders_list_chosen(struct holders *holders, struct chosen_ports *chosen, struct source *source,
    int (*batch)(void *context), void *context, unsigned long refresh_sockets,
    unsigned refresh_seconds)
{
	struct note note = {&holders->connected, batch, context};
	const struct source_observer observer = {note_port, batch ? pass_batch : NULL, &note};

	holders->connected_age_seconds = 0;
	if (!is_due(chosen, refresh_sockets, refresh_seconds)) {
		holders->connected = chosen->tcp;
		holders->connected_age_seconds = seconds_since(&chosen->listed);
		return 0;
	}

	const int result = source_list(source, LISTING_TCP_CHOSEN, &observer);

	/* What /proc cannot tell counts as none; ephemera_kernel_feature says that it cannot. */
	if (result < 0)
		return result == -EOPNOTSUPP ? 0 : result;
	chosen->tcp = holders->connected;
	clock_gettime(CLOCK_MONOTONIC, &chosen->listed);
	return 0;
}
