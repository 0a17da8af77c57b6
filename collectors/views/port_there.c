// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_there.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/views/port_attribution.h"
#include "collectors/views/port_finding.h"

struct seeker {
	const struct facts *facts;
	const struct ports_asked *asked;
	struct cgroups *cgroups;
	struct port_lookup_options options;
	struct finding *finding;   /* while a walk runs */
	struct port_lookup *found; /* of the last complete walk */
};

static int init(void *state, const struct collector_config *config)
{
	struct seeker *seeker = state;

	seeker->facts = config->facts;
	seeker->asked = config->ports;
	seeker->cgroups = config->cgroups;
	return 0;
}

static void reset(void *state)
{
	struct seeker *seeker = state;

	if (seeker->finding)
		port_lookup_free(seeker->finding->lookup);
	free(seeker->finding);
	seeker->finding = NULL;
}

static void release(void *state)
{
	struct seeker *seeker = state;

	reset(seeker);
	port_lookup_free(seeker->found);
}

static int begin(void *state)
{
	struct seeker *seeker = state;

	port_lookup_free(seeker->found);
	seeker->found = NULL;
	if (!seeker->asked || seeker->asked->limit == 0)
		return 0;
	seeker->finding = calloc(1, sizeof(*seeker->finding));
	if (!seeker->finding)
		return -ENOMEM;
	seeker->finding->lookup = calloc(1, sizeof(*seeker->finding->lookup));
	if (!seeker->finding->lookup)
		return -ENOMEM;
	seeker->options.limit = seeker->asked->limit;
	seeker->finding->options = &seeker->options;
	seeker->finding->ports = &seeker->asked->ports;
	seeker->finding->lookup->settings = seeker->facts->settings;
	seeker->finding->lookup->is_elsewhere = true;
	return 0;
}

static int observe(void *state, const struct socket *socket)
{
	const struct seeker *seeker = state;
	struct socket shown = *socket;
	int result;

	if (!seeker->finding)
		return 0;
	/* Its index says nothing here. */
	shown.interface = 0;
	result = port_finding_observe(seeker->finding, &shown);
	if (result == 0 && shown.is_chosen)
		port_finding_note_chosen(seeker->finding, &shown);
	return result;
}

/* As a lookup tells it: of the remote side, only of what has a listener's port. */
static void tell_choice(const struct port_lookup *lookup, struct port_side *side, bool is_remote)
{
	for (size_t i = 0; i < side->length; i++) {
		struct port_socket *found = &side->list[i];

		found->inode_is_unknown = found->socket.inode == 0;
		if (is_remote && (found->socket.protocol != SOCKET_TCP ||
				     !portset_has(&lookup->listen, found->socket.local_port)))
			continue;
		if (found->socket.is_chosen)
			found->chosen = CHOSEN_YES;
		else if (port_finding_knows_choice(&found->socket))
			found->chosen = CHOSEN_NO;
	}
}

/* What the walk told of ports that bind() holds. */
static void tell_held(const struct seeker *seeker)
{
	const struct holders *holders = &seeker->facts->holders;
	struct finding *finding = seeker->finding;
	struct port_lookup *lookup = finding->lookup;

	_Static_assert(
	    sizeof(finding->buckets.bound) == sizeof(holders->connected), "a bit for each port");
	memcpy(finding->buckets.bound, &holders->connected, sizeof(holders->connected));
	finding->has_buckets = finding->has_walked = true;
	lookup->sees_buckets = true;
	lookup->held = holders->listen;
	portset_unite(&lookup->held, &holders->bound);
	portset_unite(&lookup->held, &holders->connected);
}

static int finish(void *state)
{
	struct seeker *seeker = state;
	struct finding *finding = seeker->finding;
	int result;

	if (!finding)
		return 0;
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++)
		finding->lookup->source[i] = SOURCE_BPF;
	tell_held(seeker);
	for (size_t i = 0; i < finding->lookup->length; i++) {
		tell_choice(finding->lookup, &finding->lookup->answers[i].local, false);
		tell_choice(finding->lookup, &finding->lookup->answers[i].remote, true);
	}
	port_finding_judge(finding);
	result = port_lookup_name_cgroups(finding->kept, seeker->cgroups, finding->lookup);
	if (result < 0)
		return result;
	seeker->found = finding->lookup;
	finding->lookup = NULL;
	return 0;
}

const struct collector port_there_view = {
    .name = "port there",
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_TCP | NEEDS_UDP,
    .state_size = sizeof(struct seeker),
    .init = init,
    .reset = reset,
    .begin = begin,
    .observe = observe,
    .finish = finish,
    .release = release,
};

const struct port_lookup *port_there_found(const void *state)
{
	return ((const struct seeker *)state)->found;
}
