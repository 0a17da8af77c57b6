// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/client_list.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "collectors/kernel/clock.h"

#define TICK_SECONDS 0.2
/* A client that sends a request at all has begun by then. */
#define ASKING_SECONDS 1.0

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

void client_shut_down(struct client *client)
{
	if (!client->shut_down)
		client->address->open--;
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
			client_shut_down(i);
			continue;
		}
		if (!is_overdue(&clients->limits, i))
			continue;
		if (i->phase != CLIENT_IDLE)
			refusals_add(clients->refusals, i->phase == CLIENT_REQUEST
							    ? REFUSAL_REQUEST_TIMEOUT
							    : REFUSAL_RESPONSE_TIMEOUT);
		client_shut_down(i);
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

/* The peer's entry, with one client more. NULL: out of memory. */
static struct address *join_address(struct clients *clients, const struct peer *peer)
{
	struct address *address = clients->addresses;

	while (address && !peer_is_same(&address->peer, peer))
		address = address->next;
	if (!address) {
		address = calloc(1, sizeof(*address));
		if (!address)
			return NULL;
		address->peer = *peer;
		address->next = clients->addresses;
		clients->addresses = address;
	}
	address->clients++;
	return address;
}

static void leave_address(struct clients *clients, struct address *address)
{
	struct address **link = &clients->addresses;

	if (--address->clients > 0)
		return;
	while (*link != address)
		link = &(*link)->next;
	*link = address->next;
	free(address);
}

static void link_client(struct clients *clients, struct client *client)
{
	client->address->open++;
	client->link = &clients->first;
	client->next = clients->first;
	if (client->next)
		client->next->link = &client->next;
	clients->first = client;
	clients->length++;
	if (clients->sleeps)
		worker_wake(&clients->worker);
	clients->sleeps = false;
}

struct client *clients_add(struct clients *clients, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->fd = fd;
	client->phase = CLIENT_REQUEST;
	client->since = clock_now();

	const struct peer peer = peer_of(fd);

	pthread_mutex_lock(&clients->worker.lock);
	client->address = join_address(clients, &peer);
	if (client->address) {
		link_client(clients, client);
		clients_make_room(clients, client);
	}
	pthread_mutex_unlock(&clients->worker.lock);
	if (client->address)
		return client;
	free(client);
	return NULL;
}

const struct peer *client_peer(const struct client *client)
{
	return &client->address->peer;
}

void clients_remove(struct clients *clients, struct client *client)
{
	if (!client)
		return;
	pthread_mutex_lock(&clients->worker.lock);
	client_start_phase(clients, client, CLIENT_IDLE); /* gives its place back */
	*client->link = client->next;
	if (client->next)
		client->next->link = client->link;
	clients->length--;
	if (!client->shut_down)
		client->address->open--;
	leave_address(clients, client->address);
	pthread_mutex_unlock(&clients->worker.lock);
	free(client);
}

void client_start_phase(struct clients *clients, struct client *client, enum client_phase phase)
{
	const enum client_place before = client_place(client->phase);
	const enum client_place now = client_place(phase);

	if (before != CLIENT_PLACES) {
		client->address->taken[before]--;
		clients->taken[before]--;
	}
	if (now != CLIENT_PLACES) {
		client->address->taken[now]++;
		clients->taken[now]++;
	}
	client->phase = phase;
	client->since = clock_now();
	pthread_cond_signal(&clients->settled);
}

void clients_set_phase(struct clients *clients, struct client *client, enum client_phase phase)
{
	if (!client)
		return;
	pthread_mutex_lock(&clients->worker.lock);
	client_start_phase(clients, client, phase);
	pthread_mutex_unlock(&clients->worker.lock);
}

bool client_is_gone(const struct client *client)
{
	struct pollfd end = {.fd = client->fd, .events = POLLRDHUP};

	return poll(&end, 1, 0) > 0;
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
