// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/clients.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "collectors/kernel/clock.h"
#include "exporter/base/worker.h"

#define TICK_SECONDS 0.2
/* A client that sends a request at all has begun by then. */
#define ASKING_SECONDS 1.0

struct client {
	int fd;
	struct peer peer;
	enum client_phase phase;
	bool shut_down;
	struct timespec since;
	struct client *next;
	struct client **link; /* what points to this one */
};

struct clients {
	struct clients_limits limits;
	struct refusals *refusals;
	struct worker worker;	/* shuts down clients that take too long */
	pthread_cond_t settled; /* for clients_drain(): a client got its answer */
	bool sleeps;		/* the worker, while there are no clients */
	unsigned length;
	struct client *first;
};

static bool is_overdue(const struct clients_limits *limits, const struct client *client)
{
	const double seconds = clock_seconds_since(&client->since);

	switch (client->phase) {
	case CLIENT_REQUEST:
		return seconds >= limits->request_seconds;
	case CLIENT_RESPONSE:
		return seconds >= limits->response_seconds;
	case CLIENT_IDLE:
		return seconds >= limits->idle_seconds;
	default:
		return false;
	}
}

/*
 * The HTTP server then reads an end of file and closes the connection as usual. Each call wakes it,
 * even if the connection is shut down already.
 */
static void shut_down(struct client *client)
{
	client->shut_down = true;
	(void)shutdown(client->fd, SHUT_RDWR);
}

static void cut_overdue(struct clients *clients)
{
	for (struct client *i = clients->first; i; i = i->next) {
		/*
		 * libmicrohttpd (0.9.75) forgets a connection if its first read of a handshake
		 * finds some bytes and the end at once: GnuTLS says "again", and no event follows.
		 */
		if (i->shut_down) {
			shut_down(i);
			continue;
		}
		if (!is_overdue(&clients->limits, i))
			continue;
		if (i->phase != CLIENT_IDLE)
			refusals_add(clients->refusals, i->phase == CLIENT_REQUEST
							    ? REFUSAL_REQUEST_TIMEOUT
							    : REFUSAL_RESPONSE_TIMEOUT);
		shut_down(i);
	}
}

/* The worker's step. */
static void watch(void *context)
{
	struct clients *clients = context;

	clients->sleeps = !clients->first;
	cut_overdue(clients);
	worker_wait(&clients->worker, clients->sleeps ? 0 : TICK_SECONDS);
}

int clients_new(
    const struct clients_limits *limits, struct refusals *refusals, struct clients **ret_clients)
{
	struct clients *clients = calloc(1, sizeof(*clients));

	if (!clients)
		return -ENOMEM;
	clients->limits = *limits;
	clients->refusals = refusals;
	worker_init(&clients->worker);
	pthread_cond_init(&clients->settled, NULL);

	const int result = worker_start(&clients->worker, watch, clients);

	if (result < 0)
		clients_free(clients);
	else
		*ret_clients = clients;
	return result;
}

void clients_free(struct clients *clients)
{
	if (!clients)
		return;
	worker_release(&clients->worker);
	pthread_cond_destroy(&clients->settled);
	free(clients);
}

static bool is_earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/*
 * Which client is shut down first: one that asks for nothing, then one that does not read its
 * response. -1: it waits for us, and stays.
 */
static int patience(enum client_phase phase)
{
	switch (phase) {
	case CLIENT_REQUEST:
	case CLIENT_IDLE:
		return 0;
	case CLIENT_RESPONSE:
		return 1;
	default:
		return -1;
	}
}

/* Among the peer's clients; if peer is NULL, among all. */
static struct client *most_dispensable(const struct clients *clients, const struct peer *peer)
{
	struct client *found = NULL;

	for (struct client *i = clients->first; i; i = i->next) {
		if (i->shut_down || patience(i->phase) < 0 ||
		    (peer && !peer_is_same(&i->peer, peer)))
			continue;
		if (!found || patience(i->phase) < patience(found->phase) ||
		    (patience(i->phase) == patience(found->phase) &&
			is_earlier(&i->since, &found->since)))
			found = i;
	}
	return found;
}

/* Clients that are shut down do not count. */
static unsigned count_of_peer(const struct clients *clients, const struct peer *peer)
{
	unsigned count = 0;

	for (const struct client *i = clients->first; i; i = i->next)
		count += !i->shut_down && peer_is_same(&i->peer, peer);
	return count;
}

/* Call it before the newcomer is in the list. */
static void make_room(struct clients *clients, struct client *newcomer)
{
	struct client *dispensable = NULL;

	if (count_of_peer(clients, &newcomer->peer) >= clients->limits.per_peer) {
		dispensable = most_dispensable(clients, &newcomer->peer);
		shut_down(dispensable ? dispensable : newcomer);
		refusals_add(clients->refusals, REFUSAL_CONNECTIONS_PER_ADDRESS);
	} else if (clients->length >= clients->limits.connections) {
		dispensable = most_dispensable(clients, NULL);
		if (!dispensable)
			return;
		shut_down(dispensable);
		refusals_add(clients->refusals, REFUSAL_CONNECTIONS);
	}
}

struct client *clients_add(struct clients *clients, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->fd = fd;
	client->peer = peer_of(fd);
	client->phase = CLIENT_REQUEST;
	client->since = clock_now();
	pthread_mutex_lock(&clients->worker.lock);
	make_room(clients, client);
	client->link = &clients->first;
	client->next = clients->first;
	if (client->next)
		client->next->link = &client->next;
	clients->first = client;
	clients->length++;
	if (clients->sleeps)
		worker_wake(&clients->worker);
	clients->sleeps = false;
	pthread_mutex_unlock(&clients->worker.lock);
	return client;
}

const struct peer *client_peer(const struct client *client)
{
	return &client->peer;
}

void clients_remove(struct clients *clients, struct client *client)
{
	if (!client)
		return;
	pthread_mutex_lock(&clients->worker.lock);
	*client->link = client->next;
	if (client->next)
		client->next->link = client->link;
	clients->length--;
	pthread_cond_signal(&clients->settled);
	pthread_mutex_unlock(&clients->worker.lock);
	free(client);
}

static void start_phase(struct clients *clients, struct client *client, enum client_phase phase)
{
	client->phase = phase;
	client->since = clock_now();
	pthread_cond_signal(&clients->settled);
}

void clients_set_phase(struct clients *clients, struct client *client, enum client_phase phase)
{
	if (!client)
		return;
	pthread_mutex_lock(&clients->worker.lock);
	start_phase(clients, client, phase);
	pthread_mutex_unlock(&clients->worker.lock);
}

/* Among the peer's clients; if peer is NULL, among all. */
static unsigned count_works(const struct clients *clients, const struct peer *peer)
{
	unsigned count = 0;

	for (const struct client *i = clients->first; i; i = i->next)
		count += i->phase == CLIENT_WORK && (!peer || peer_is_same(&i->peer, peer));
	return count;
}

enum refusal clients_start_work(struct clients *clients, struct client *client)
{
	enum refusal refusal = REFUSALS;

	pthread_mutex_lock(&clients->worker.lock);
	if (count_works(clients, NULL) >= clients->limits.works)
		refusal = REFUSAL_REQUESTS;
	else if (count_works(clients, &client->peer) >= clients->limits.works_per_peer)
		refusal = REFUSAL_REQUESTS_PER_ADDRESS;
	else
		start_phase(clients, client, CLIENT_WORK);
	pthread_mutex_unlock(&clients->worker.lock);
	if (refusal != REFUSALS)
		refusals_add(clients->refusals, refusal);
	return refusal;
}

static bool is_owed(const struct client *client)
{
	switch (client->phase) {
	case CLIENT_REQUEST:
		return !client->shut_down && clock_seconds_since(&client->since) < ASKING_SECONDS;
	case CLIENT_IDLE:
		return false;
	default:
		return true;
	}
}

static bool owes_nobody(const struct clients *clients)
{
	for (const struct client *i = clients->first; i; i = i->next)
		if (is_owed(i))
			return false;
	return true;
}

static void await_settled(struct clients *clients)
{
	const struct timespec until = clock_in(TICK_SECONDS);

	pthread_cond_clockwait(&clients->settled, &clients->worker.lock, CLOCK_MONOTONIC, &until);
}

bool clients_drain(struct clients *clients, unsigned seconds)
{
	const struct timespec start = clock_now();
	bool drained;

	pthread_mutex_lock(&clients->worker.lock);
	while (!(drained = owes_nobody(clients)) && clock_seconds_since(&start) < seconds)
		await_settled(clients);
	pthread_mutex_unlock(&clients->worker.lock);
	return drained;
}
