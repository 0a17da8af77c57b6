/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_SNAT_H
#define EPHEMERA_PORT_SNAT_H

/*
 * The connections to which source NAT has given these ports. They are those of other hosts or
 * namespaces, and have no socket here.
 */

#include "collectors/kernel/conntrack.h"
#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"
#include "collectors/views/port_asked.h"

struct snat_flow {
	uint16_t port; /* that answers come to: the one on the wire */
	uint16_t client_port;
	uint16_t remote_port;
	uint16_t zone; /* see struct conntrack_entry; 0: the default one */
	enum socket_protocol protocol;
	enum socket_family family;
	bool is_closing;	       /* of TCP, in TIME_WAIT or CLOSE */
	struct socket_address client;  /* who sent the first packet */
	struct socket_address address; /* with which it was sent on */
	struct socket_address remote;  /* who got it */
};

struct port_snat {
	/*
	 * Why not all entries were read: -errno; 0: they were, or none is of a connection that this
	 * namespace forwards.
	 */
	int error;
	uint32_t *totals;	/* [port]; NULL: none */
	unsigned long unlisted; /* those that were not kept, of all ports */
	size_t length;
	struct snat_flow *list; /* by port, then in the order of snat_flow_compare() */
};

/*
 * Reads all entries of connection tracking, once, as snat_open() opens them. asked: which
 * connections are counted and kept, as if each was a socket with the SNAT address, and none in any
 * state; NULL: all. All are counted, the first 20,000 are kept. Returns 0 or -ENOMEM. The caller
 * frees the answer with port_snat_free().
 */
int port_snat_read(const char *procfs, const unsigned long *values, const struct portset *ports,
    const struct port_asked *asked, struct port_snat **ret_snat);
/* The same of entries that are open already. An error of reading them is not told. */
int port_snat_walk(struct conntrack *conntrack, const struct portset *ports,
    const struct port_asked *asked, struct port_snat **ret_snat);
void port_snat_free(struct port_snat *snat); /* NULL is fine */

/* How many connections have that port. snat: NULL: none. */
unsigned long port_snat_total(const struct port_snat *snat, uint16_t port);

/* Those that were kept, and in ret_length how many; NULL: none. */
const struct snat_flow *port_snat_find(
    const struct port_snat *snat, uint16_t port, size_t *ret_length);

/* A total order, but for is_closing. */
int snat_flow_compare(const struct snat_flow *a, const struct snat_flow *b);

#endif
