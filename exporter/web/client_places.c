// SPDX-License-Identifier: Apache-2.0
/* Who gets a place at a limit. */
#include "exporter/web/client_list.h"

/* Nobody scrapes more often than that. */
#define PROMPT_SECONDS 0.5

static bool is_earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* How much a client would lose if it were shut down. */
enum loss { LOSES_NOTHING, LOSES_RESPONSE, LOSES_WORK };

static enum loss loss_of(const struct client *client)
{
	switch (client->phase) {
	case CLIENT_REQUEST:
	case CLIENT_IDLE:
		return LOSES_NOTHING;
	/* It asks again at once. */
	case CLIENT_WATCH:
	case CLIENT_RESPONSE:
		return LOSES_RESPONSE;
	default:
		return LOSES_WORK;
	}
}

/*
 * Whether the client may be shut down for a newcomer. Not if its address has fewer clients than the
 * newcomer's; and if it waits for us, its address must have more: else two addresses could take
 * each other's work away again and again.
 */
static bool may_go(const struct client *client, const struct client *newcomer)
{
	const unsigned open = client->address->open;
	const bool waits = loss_of(client) == LOSES_WORK;

	if (client->shut_down || client == newcomer)
		return false;
	if (client->address == newcomer->address)
		return !waits;
	return waits ? open > newcomer->address->open : open >= newcomer->address->open;
}

static bool goes_before(const struct client *a, const struct client *b)
{
	if (a->address->open != b->address->open)
		return a->address->open > b->address->open;
	if (loss_of(a) != loss_of(b))
		return loss_of(a) < loss_of(b);
	return is_earlier(&a->since, &b->since);
}

/* Among those of the newcomer's address; else among all. NULL: none may be shut down. */
static struct client *find_dispensable(
    const struct clients *clients, const struct client *newcomer, bool of_address)
{
	struct client *found = NULL;

	for (struct client *i = clients->first; i; i = i->next)
		if ((!of_address || i->address == newcomer->address) && may_go(i, newcomer) &&
		    (!found || goes_before(i, found)))
			found = i;
	return found;
}

void clients_make_room(struct clients *clients, struct client *newcomer)
{
	const bool has_too_many = newcomer->address->open > clients->limits.per_peer;

	if (!has_too_many && clients->length <= clients->limits.connections)
		return;

	struct client *dispensable = find_dispensable(clients, newcomer, has_too_many);

	/* What there is room for beyond the limit is for addresses that have nothing else. */
	if (!dispensable && newcomer->address->open == 1)
		return;
	client_shut_down(dispensable ? dispensable : newcomer);
	refusals_add(clients->refusals,
	    has_too_many ? REFUSAL_CONNECTIONS_PER_ADDRESS : REFUSAL_CONNECTIONS);
}

/* Of the places, with an address that asks for one. At least one. */
static unsigned share_of(
    const struct clients *clients, const struct address *address, enum client_place place)
{
	unsigned addresses = 1;

	for (const struct address *i = clients->addresses; i; i = i->next)
		addresses += i != address && i->taken[place] > 0;
	return addresses < clients->limits.works ? clients->limits.works / addresses : 1;
}

/* Starts the phase, which needs a place. */
static enum refusal take_place(
    struct clients *clients, struct client *client, enum client_phase phase)
{
	const struct address *address = client->address;
	const enum client_place place = client_place(phase);
	enum refusal refusal = REFUSALS;

	pthread_mutex_lock(&clients->worker.lock);
	if (clients->taken[place] >= clients->limits.works &&
	    address->taken[place] >= share_of(clients, address, place))
		refusal = REFUSAL_REQUESTS;
	else if (address->taken[place] >= clients->limits.works_per_peer)
		refusal = REFUSAL_REQUESTS_PER_ADDRESS;
	else
		client_start_phase(clients, client, phase);
	pthread_mutex_unlock(&clients->worker.lock);
	if (refusal != REFUSALS)
		refusals_add(clients->refusals, refusal);
	return refusal;
}

enum refusal clients_start_work(struct clients *clients, struct client *client)
{
	return take_place(clients, client, CLIENT_WORK);
}

enum refusal clients_start_watch(struct clients *clients, struct client *client)
{
	return take_place(clients, client, CLIENT_WATCH);
}

bool clients_is_prompt(struct clients *clients, const struct client *client)
{
	pthread_mutex_lock(&clients->worker.lock);

	struct token_bucket *bucket =
	    peer_buckets_find(&clients->prompt, &client->address->peer, PROMPT_SECONDS);
	const bool prompt = bucket && token_bucket_wait(bucket, 1, PROMPT_SECONDS) <= 0;

	/* Asking starts the time anew: who asks often never gets numbers from before. */
	if (bucket)
		token_bucket_owe(bucket, 1, PROMPT_SECONDS);
	pthread_mutex_unlock(&clients->worker.lock);
	return prompt;
}
