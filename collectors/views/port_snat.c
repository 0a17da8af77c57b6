// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_snat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/grow.h"
#include "collectors/kernel/procfs.h"
#include "collectors/snat.h"
#include "collectors/views/port_lookup.h"

/* For any number of ports: about 2 MB. */
#define KEPT_MAX 20000u

struct reading {
	const struct portset *ports;
	const struct port_asked *asked;
	struct port_snat *snat;
};

static bool is_asked(const struct port_asked *asked, const struct conntrack_entry *entry)
{
	const struct socket socket = {
	    .protocol = entry->protocol,
	    .family = entry->family,
	    .local = entry->reply.destination,
	    .local_port = entry->reply.destination_port,
	    .remote = entry->reply.source,
	    .remote_port = entry->reply.source_port,
	};

	return port_asked_has_local(asked, &socket);
}

static int keep(struct port_snat *snat, const struct conntrack_entry *entry)
{
	struct snat_flow *grown;

	if (snat->length == KEPT_MAX) {
		snat->unlisted++;
		return 0;
	}
	grown = grow_for_one(snat->list, snat->length, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	snat->list = grown;
	grown[snat->length++] = (struct snat_flow){
	    .port = entry->reply.destination_port,
	    .client_port = entry->original.source_port,
	    .remote_port = entry->reply.source_port,
	    .zone = entry->zone,
	    .protocol = entry->protocol,
	    .family = entry->family,
	    .is_closing = entry->is_closing,
	    .client = entry->original.source,
	    .address = entry->reply.destination,
	    .remote = entry->reply.source,
	};
	return 0;
}

static int visit(void *context, const struct conntrack_entry *entry)
{
	const struct reading *reading = context;
	struct port_snat *snat = reading->snat;
	const uint16_t port = entry->reply.destination_port;

	if (!portset_has(reading->ports, port) || !conntrack_is_translated(entry) ||
	    !is_asked(reading->asked, entry))
		return 0;
	if (!snat->totals)
		snat->totals = calloc(PORTS, sizeof(*snat->totals));
	if (!snat->totals)
		return -ENOMEM;
	snat->totals[port]++;
	return keep(snat, entry);
}

static void forget(void *context)
{
	struct port_snat *snat = ((const struct reading *)context)->snat;

	free(snat->totals);
	free(snat->list);
	*snat = (struct port_snat){.error = 0};
}

int snat_flow_compare(const struct snat_flow *a, const struct snat_flow *b)
{
	int order = (int)a->port - b->port;

	if (!order)
		order = (int)a->protocol - (int)b->protocol;
	if (!order)
		order = (int)a->family - (int)b->family;
	if (!order)
		order = memcmp(&a->client, &b->client, sizeof(a->client));
	if (!order)
		order = (int)a->client_port - b->client_port;
	if (!order)
		order = memcmp(&a->remote, &b->remote, sizeof(a->remote));
	if (!order)
		order = (int)a->remote_port - b->remote_port;
	if (!order)
		order = memcmp(&a->address, &b->address, sizeof(a->address));
	return order ? order : (int)a->zone - b->zone;
}

static int compare(const void *a, const void *b)
{
	return snat_flow_compare(a, b);
}

/* An entry that comes or goes during the walk can make another one come twice. */
static void sort(struct port_snat *snat)
{
	size_t kept = 0;

	if (snat->length)
		qsort(snat->list, snat->length, sizeof(*snat->list), compare);
	for (size_t i = 0; i < snat->length; i++) {
		if (kept && snat_flow_compare(&snat->list[kept - 1], &snat->list[i]) == 0)
			snat->totals[snat->list[i].port]--;
		else
			snat->list[kept++] = snat->list[i];
	}
	snat->length = kept;
}

/* Where nothing is forwarded, the entries are those of this host, which most firewalls make. */
static bool may_have_clients(const char *procfs)
{
	static const char *const forwarding[] = {
	    "sys/net/ipv4/ip_forward", "sys/net/ipv6/conf/all/forwarding"};
	bool forwards = false;
	int number;

	for (size_t i = 0; i < sizeof(forwarding) / sizeof(forwarding[0]); i++)
		forwards =
		    forwards || (procfs_read_number(procfs, forwarding[i], &number) == 0 && number);
	return forwards &&
	       procfs_read_number(procfs, "sys/net/netfilter/nf_conntrack_count", &number) == 0 &&
	       number;
}

int port_snat_walk(struct conntrack *conntrack, const struct portset *ports,
    const struct port_asked *asked, struct port_snat **ret_snat)
{
	struct reading reading = {.ports = ports, .asked = asked};
	int result = 0;

	reading.snat = calloc(1, sizeof(*reading.snat));
	if (!reading.snat)
		return -ENOMEM;
	/* They are no sockets, and have no state of one. */
	if (!asked || (!asked->states.of[SOCKET_TCP] && !asked->states.of[SOCKET_UDP]))
		result = conntrack_walk(conntrack, visit, forget, &reading);
	if (result == -ENOMEM) {
		port_snat_free(reading.snat);
		return result;
	}
	/* Without the entries the sockets are an answer all the same. */
	reading.snat->error = result;
	sort(reading.snat);
	*ret_snat = reading.snat;
	return 0;
}

int port_snat_read(const char *procfs, const unsigned long *values, const struct portset *ports,
    const struct port_asked *asked, struct port_snat **ret_snat)
{
	struct conntrack *conntrack;
	struct port_snat *snat;
	int error = snat_open(values, procfs, &conntrack);
	int result = 0;

	if (error == -ENOMEM)
		return error;
	if (error == 0) {
		result = port_snat_walk(conntrack, ports, asked, &snat);
		conntrack_close(conntrack);
	} else {
		snat = calloc(1, sizeof(*snat));
		result = snat ? 0 : -ENOMEM;
	}
	if (result < 0)
		return result;
	if (error == 0)
		error = snat->error;
	snat->error = error < 0 && may_have_clients(procfs) ? error : 0;
	*ret_snat = snat;
	return 0;
}

void port_snat_free(struct port_snat *snat)
{
	if (!snat)
		return;
	free(snat->totals);
	free(snat->list);
	free(snat);
}

unsigned long port_snat_total(const struct port_snat *snat, uint16_t port)
{
	return snat && snat->totals ? snat->totals[port] : 0;
}

/* The first one of that port or a later one. */
static size_t first_of(const struct port_snat *snat, unsigned port)
{
	size_t first = 0;
	size_t end = snat->length;

	while (first < end) {
		const size_t middle = first + (end - first) / 2;

		if (snat->list[middle].port < port)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

const struct snat_flow *port_snat_find(
    const struct port_snat *snat, uint16_t port, size_t *ret_length)
{
	size_t first;

	*ret_length = 0;
	if (!port_snat_total(snat, port))
		return NULL;
	first = first_of(snat, port);
	*ret_length = first_of(snat, port + 1u) - first;
	return *ret_length ? &snat->list[first] : NULL;
}

void port_lookup_take_snat(
    struct port_lookup *lookup, const struct portset *ports, struct port_snat *snat)
{
	unsigned position = 0;
	struct port_range range;

	lookup->snat = snat;
	while (snat->totals && portset_next_range(ports, &position, &range)) {
		for (unsigned port = range.first; port <= range.last; port++) {
			const struct port_answer answer =
			    port_lookup_answer(lookup, (uint16_t)port);

			if (snat->totals[port] && !answer.local.total && !answer.remote.total)
				lookup->empty--;
		}
	}
}
