// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/clock.h"
#include "collectors/kernel/grow.h"
#include "collectors/kernel/port_use.h"
#include "collectors/views/port_attribution.h"
#include "collectors/views/port_finding.h"
#include "collectors/views/port_side.h"

/* How often the listings are repeated if the kernel says that one was inconsistent. */
#define ATTEMPTS 3

/* For any number of ports. As JSON they take about 60 MB. */
#define KEPT_MAX 20000u

/* The listings of sockets that chose their port. */
static const enum listing chosen_listings[] = {
    LISTING_TCP_BINDS_CHOSEN, LISTING_TCP_CHOSEN, LISTING_UDP4_CHOSEN, LISTING_UDP6_CHOSEN};

#define CHOSEN_LISTINGS (sizeof(chosen_listings) / sizeof(chosen_listings[0]))

static void release_answers(struct port_lookup *lookup)
{
	for (size_t i = 0; i < lookup->length; i++) {
		free(lookup->answers[i].local.list);
		free(lookup->answers[i].remote.list);
	}
	free(lookup->answers);
	lookup->answers = NULL;
	lookup->length = 0;
}

static int answer_for(struct finding *finding, uint16_t port, struct port_answer **ret_answer)
{
	struct port_lookup *lookup = finding->lookup;
	const size_t length = lookup->length;

	if (finding->place[port] == 0) {
		struct port_answer *grown =
		    grow_for_one(lookup->answers, length, sizeof(*lookup->answers));

		if (!grown)
			return -ENOMEM;
		lookup->answers = grown;
		lookup->answers[length] = (struct port_answer){.port = port};
		finding->place[port] = (uint32_t)++lookup->length;
	}
	*ret_answer = &lookup->answers[finding->place[port] - 1];
	return 0;
}

/* Keeps only the first ones in order. */
static int keep(
    struct finding *finding, struct port_side *side, const struct socket *socket, bool is_asked)
{
	if (!is_asked) {
		side->others++;
		return 0;
	}

	const size_t before = side->length;
	const size_t limit = finding->kept == KEPT_MAX ? before : finding->options->limit;
	const int result = port_side_keep(side, socket, limit);

	finding->kept += side->length - before;
	return result;
}

/*
 * For TIME_WAIT it is not known whether the port was chosen, also if the kernel calls it FIN_WAIT2.
 * Only TIME_WAIT has a timer that frees the port.
 */
bool port_finding_knows_choice(const struct socket *socket)
{
	return socket_has_owner(socket) && socket->expires_ms == 0;
}

static void note_listings(struct finding *finding, const struct socket *socket, uint16_t port)
{
	for (size_t i = 0; i < CHOSEN_LISTINGS; i++)
		if (listing_may_have(chosen_listings[i], socket) &&
		    port_finding_knows_choice(socket))
			finding->listed[port] |= (unsigned char)(1u << i);
}

/* It was accepted, or opened from the listener's own port; only the latter chose its port. */
static bool is_from_listener(const struct finding *finding, const struct socket *socket)
{
	return socket->protocol == SOCKET_TCP &&
	       portset_has(&finding->lookup->listen, socket->local_port);
}

int port_finding_observe(void *context, const struct socket *socket)
{
	struct finding *finding = context;
	struct port_answer *answer;
	int result = 0;

	if (socket->state == SOCKET_LISTEN)
		portset_add(&finding->lookup->listen, socket->local_port);
	if (portset_has(finding->ports, socket->local_port)) {
		result = answer_for(finding, socket->local_port, &answer);
		if (result == 0) {
			port_finding_raise(answer, port_state_of(socket, false));
			note_listings(finding, socket, socket->local_port);
			result = keep(finding, &answer->local, socket,
			    port_asked_has_local(finding->options->asked, socket));
		}
	}
	if (result == 0 && !finding->options->local_only &&
	    portset_has(finding->ports, socket->remote_port)) {
		result = answer_for(finding, socket->remote_port, &answer);
		if (result == 0 && is_from_listener(finding, socket))
			note_listings(finding, socket, socket->remote_port);
		if (result == 0)
			result = keep(finding, &answer->remote, socket,
			    port_asked_has_remote(finding->options->asked, socket));
	}
	return result;
}

static struct port_filter filter_of(const struct finding *finding)
{
	return (struct port_filter){finding->ports, finding->options->local_only
							? PORT_FILTER_LOCAL
							: PORT_FILTER_LOCAL | PORT_FILTER_REMOTE};
}

static int list_all(struct finding *finding)
{
	static const enum listing listings[] = {LISTING_TCP, LISTING_UDP4, LISTING_UDP6};
	const struct source_observer observer = {port_finding_observe, port_finding_batch, finding};
	const struct port_filter filter = filter_of(finding);

	/* Without a filter: it is cheap, and shows which connections are inbound. */
	int result = source_list(finding->source, LISTING_TCP_LISTEN, &observer);

	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]) && result == 0; i++)
		result = source_list_ports(finding->source, listings[i], &filter, &observer);
	return result;
}

/* If no listing of chosen ports has the socket, the kernel picked its port or accept() made it. */
static void choose_none_of(
    struct finding *finding, enum listing listing, struct port_side *side, bool remote)
{
	for (size_t i = 0; i < side->length; i++) {
		struct port_socket *found = &side->list[i];

		if (found->chosen == CHOSEN_UNKNOWN && listing_may_have(listing, &found->socket) &&
		    port_finding_knows_choice(&found->socket) &&
		    (!remote || is_from_listener(finding, &found->socket)))
			found->chosen = CHOSEN_NO;
	}
}

static void choose_none(struct finding *finding, enum listing listing)
{
	for (size_t i = 0; i < finding->lookup->length; i++) {
		struct port_answer *answer = &finding->lookup->answers[i];

		choose_none_of(finding, listing, &answer->local, false);
		choose_none_of(finding, listing, &answer->remote, true);
	}
}

static void note_chosen_remote(struct finding *finding, const struct socket *socket)
{
	const uint32_t place = finding->place[socket->remote_port];
	struct port_socket *found =
	    place && is_from_listener(finding, socket)
		? port_side_find(&finding->lookup->answers[place - 1].remote, socket)
		: NULL;

	if (found)
		found->chosen = CHOSEN_YES;
}

void port_finding_note_chosen(struct finding *finding, const struct socket *socket)
{
	const uint32_t place = finding->place[socket->local_port];

	note_chosen_remote(finding, socket);
	if (place == 0)
		return;

	struct port_answer *answer = &finding->lookup->answers[place - 1];
	struct port_socket *found = port_side_find(&answer->local, socket);

	/* It was counted but not kept, was not asked for, or is new. */
	if (!found && answer->local.total == answer->local.length && !answer->local.others)
		return;
	if (found)
		found->chosen = CHOSEN_YES;
	port_finding_raise(answer, port_state_of(socket, true));
	if (port_role_of(socket, true, false) == PORT_ROLE_LISTENER)
		answer->has_lasting_listener = true;
}

static int note_chosen(void *context, const struct socket *socket)
{
	port_finding_note_chosen(context, socket);
	return 0;
}

static bool is_of_use(const struct finding *finding, size_t which)
{
	for (size_t i = 0; i < finding->lookup->length; i++)
		if (finding->listed[finding->lookup->answers[i].port] >> which & 1)
			return true;
	return false;
}

static int list_chosen(struct finding *finding)
{
	const struct source_observer observer = {note_chosen, port_finding_batch, finding};
	const struct port_filter filter = filter_of(finding);

	for (size_t i = 0; i < CHOSEN_LISTINGS; i++) {
		if (!is_of_use(finding, i))
			continue;

		const int result =
		    source_list_ports(finding->source, chosen_listings[i], &filter, &observer);

		/* /proc does not show it, and not every recording has it. */
		if (result < 0 && result != -EOPNOTSUPP && result != -ENODATA)
			return result;
		if (result == 0)
			choose_none(finding, chosen_listings[i]);
	}
	return 0;
}

static void judge_side(const struct finding *finding, struct port_side *side)
{
	const struct port_lookup *lookup = finding->lookup;
	const struct settings *settings = &lookup->settings;
	const struct buckets_found *stamps =
	    finding->has_buckets && !finding->has_walked ? &finding->buckets : NULL;

	for (size_t i = 0; i < side->length; i++) {
		struct port_socket *found = &side->list[i];

		found->role = port_role_of(&found->socket, found->chosen == CHOSEN_YES,
		    portset_has(&lookup->listen, found->socket.local_port));
		found->reusable = !found->is_bound &&
				  port_use_of(&found->socket, settings, stamps) == PORT_REUSABLE;
		found->may_be_reusable = !stamps && !found->socket.tells_timestamps &&
					 port_use_may_be_reused(&found->socket, settings);
	}
}

static enum port_state state_without_sockets(const struct port_lookup *lookup, uint16_t port)
{
	return portset_has(&lookup->settings.reserved, port) ? PORT_STATE_RESERVED
							     : PORT_STATE_FREE;
}

static int compare_answers(const void *a, const void *b)
{
	return (int)((const struct port_answer *)a)->port - ((const struct port_answer *)b)->port;
}

static bool has_any(const struct port_answer *answer)
{
	return answer->local.total || answer->remote.total;
}

bool port_lookup_has_any(const struct port_lookup *lookup)
{
	for (size_t i = 0; i < lookup->length; i++)
		if (has_any(&lookup->answers[i]))
			return true;
	return lookup->snat && lookup->snat->length;
}

void port_finding_judge(struct finding *finding)
{
	struct port_lookup *lookup = finding->lookup;

	for (size_t i = 0; i < lookup->length; i++) {
		struct port_answer *answer = &lookup->answers[i];
		port_finding_raise(answer, state_without_sockets(lookup, answer->port));
		port_finding_judge_bound(finding, answer);
		judge_side(finding, &answer->local);
		for (size_t j = 0; j < answer->local.length; j++)
			if (answer->local.list[j].role == PORT_ROLE_LISTENER &&
			    answer->local.list[j].chosen == CHOSEN_UNKNOWN)
				answer->has_lasting_listener = true;
		judge_side(finding, &answer->remote);
	}
	if (lookup->length)
		qsort(lookup->answers, lookup->length, sizeof(*lookup->answers), compare_answers);
	lookup->empty = portset_count(finding->ports);
	for (size_t i = 0; i < lookup->length; i++)
		lookup->empty -= has_any(&lookup->answers[i]);
}

static int find(struct finding *finding)
{
	int result = -EINTR;

	for (int attempt = 0; attempt < ATTEMPTS && result == -EINTR; attempt++) {
		release_answers(finding->lookup);
		memset(finding->place, 0, sizeof(finding->place));
		memset(finding->listed, 0, sizeof(finding->listed));
		memset(&finding->lookup->listen, 0, sizeof(finding->lookup->listen));
		finding->kept = 0;
		finding->begun_ns =
		    finding->options->starts ? lease_starts_now(finding->options->starts) : 0;
		result = list_all(finding);
		if (result == 0)
			result = list_chosen(finding);
		if (result == 0)
			result = port_finding_list_buckets(finding);
		if (result == 0)
			result = port_finding_list_held(finding);
	}
	if (result < 0)
		return result;
	port_finding_tell_ages(finding);
	port_finding_judge(finding);
	return port_lookup_attribute(finding->options, finding->kept, finding->lookup);
}

int port_lookup_run(const struct port_lookup_options *options, const struct portset *ports,
    struct port_lookup **ret_lookup)
{
	struct port_lookup *lookup = calloc(1, sizeof(*lookup));
	cleanup_free struct finding *finding = calloc(1, sizeof(*finding));
	const struct timespec start = clock_now();

	if (!lookup || !finding) {
		free(lookup);
		return -ENOMEM;
	}
	*finding = (struct finding){.options = options, .ports = ports, .lookup = lookup};

	const struct source_options source = source_without_walk(options->source);
	int result = settings_read(options->source->procfs, &lookup->settings, NULL);

	lookup->is_elsewhere = options->is_elsewhere;
	lookup->settings.node_ports = options->source->node_ports;
	if (result == 0)
		result = source_open(&source, &finding->source);
	if (result == 0) {
		result = find(finding);
		for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++)
			lookup->source[i] = source_used(finding->source, i);
		lookup->bound_unseen = !source_sees_bound_only(finding->source);
		source_close(finding->source);
	}
	if (result < 0) {
		port_lookup_free(lookup);
		return result;
	}
	lookup->seconds = clock_seconds_since(&start);
	*ret_lookup = lookup;
	return 0;
}

void port_lookup_free(struct port_lookup *lookup)
{
	if (!lookup)
		return;
	release_answers(lookup);
	process_search_free(lookup->processes);
	port_snat_free(lookup->snat);
	for (size_t i = 0; i < lookup->cgroups_length; i++)
		free(lookup->cgroups[i]);
	free(lookup->cgroups);
	free(lookup);
}

struct port_answer port_lookup_answer(const struct port_lookup *lookup, uint16_t port)
{
	const struct port_answer key = {.port = port, .state = state_without_sockets(lookup, port)};
	const struct port_answer *found =
	    lookup->length
		? bsearch(&key, lookup->answers, lookup->length, sizeof(key), compare_answers)
		: NULL;

	return found ? *found : key;
}
