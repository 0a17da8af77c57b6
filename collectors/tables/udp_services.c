// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/udp_services.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/clock.h"

/* Two Prometheus servers may scrape at the same moment, and a query may stay open so long. */
#define STAYS_SECONDS 1.0

struct waiter {
	struct range_listener listener;
	uint32_t inode;
	uint64_t owner;
	struct timespec since; /* CLOCK_MONOTONIC: when a look saw it first */
	bool seen_before;
	bool seen_again; /* in the last look: this one has it too */
	bool service;
};

struct look {
	size_t length;
	struct waiter list[UDP_SERVICES_MAX];
};

struct udp_services {
	struct look *now;
	struct look *last; /* sorted by compare() */
	size_t known;	   /* how many of the last look's sockets this one has seen */
	struct look looks[2];
};

struct udp_services *udp_services_new(void)
{
	/* Pages that no socket needs use no memory. */
	struct udp_services *services = calloc(1, sizeof(*services));

	if (services) {
		services->now = &services->looks[0];
		services->last = &services->looks[1];
	}
	return services;
}

void udp_services_free(struct udp_services *services)
{
	free(services);
}

void udp_services_begin(struct udp_services *services)
{
	services->now->length = 0;
	services->known = 0;
	for (size_t i = 0; i < services->last->length; i++)
		services->last->list[i].seen_again = false;
}

static int compare(const void *first, const void *second)
{
	const struct waiter *a = first;
	const struct waiter *b = second;
	const int order = range_listener_compare(&a->listener, &b->listener);

	if (order)
		return order;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

void udp_services_note(struct udp_services *services, const struct socket *socket)
{
	struct look *now = services->now;
	struct look *last = services->last;
	struct waiter waiter = {
	    .listener = range_listener_of(socket),
	    .inode = socket->inode,
	    .owner = socket->cgroup_id << 32 ^ socket->uid,
	    .since = clock_now(),
	};
	struct waiter *before = bsearch(&waiter, last->list, last->length, sizeof(waiter), compare);

	if (before && !before->seen_again) {
		before->seen_again = true;
		services->known++;
		waiter.since = before->since;
		waiter.seen_before = true;
		waiter.service = before->service;
	} else if (now->length + (last->length - services->known) >= UDP_SERVICES_MAX) {
		/* The places that are left are kept for those that may have stayed. */
		return;
	}
	if (now->length < UDP_SERVICES_MAX)
		now->list[now->length++] = waiter;
}

static int compare_owners(const void *first, const void *second)
{
	const uint64_t a = *(const uint64_t *)first;
	const uint64_t b = *(const uint64_t *)second;

	return a < b ? -1 : a > b;
}

/* Whether owner stands more than UDP_SERVICES_FEW times in the sorted list. */
static bool has_many(const uint64_t *owners, size_t length, uint64_t owner)
{
	size_t low = 0;
	size_t high = length;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (owners[middle] < owner)
			low = middle + 1;
		else
			high = middle;
	}
	return low + UDP_SERVICES_FEW < length && owners[low + UDP_SERVICES_FEW] == owner;
}

static void judge(struct look *now, const uint64_t *owners, size_t length)
{
	for (size_t i = 0; i < now->length; i++) {
		struct waiter *waiter = &now->list[i];

		if (!waiter->service)
			waiter->service =
			    (waiter->seen_before &&
				clock_seconds_since(&waiter->since) >= STAYS_SECONDS) ||
			    !has_many(owners, length, waiter->owner);
	}
}

int udp_services_finish(struct udp_services *services,
    void (*each)(void *context, const struct range_listener *listener), void *context)
{
	struct look *now = services->now;
	struct look *last = services->last;
	cleanup_free uint64_t *owners = calloc(now->length + last->length + 1, sizeof(*owners));
	size_t length = 0;

	if (!owners)
		return -ENOMEM;
	for (size_t i = 0; i < now->length; i++)
		owners[length++] = now->list[i].owner;
	for (size_t i = 0; i < last->length; i++)
		if (!last->list[i].seen_again)
			owners[length++] = last->list[i].owner;
	qsort(owners, length, sizeof(*owners), compare_owners);
	judge(now, owners, length);
	qsort(now->list, now->length, sizeof(now->list[0]), compare);
	for (size_t i = 0; i < now->length; i++)
		if (now->list[i].service)
			each(context, &now->list[i].listener);
	services->now = last;
	services->last = now;
	udp_services_begin(services);
	return 0;
}

static void add_port(void *context, const struct range_listener *listener)
{
	portset_add(context, listener->port);
}

int udp_services_finish_ports(struct udp_services *services, struct portset *ports)
{
	return udp_services_finish(services, add_port, ports);
}
