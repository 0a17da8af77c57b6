/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UDP_SERVICES_H
#define EPHEMERA_UDP_SERVICES_H

/*
 * Finds the UDP sockets that are services. UDP has no LISTEN: a server is a socket without a peer
 * on a port that bind() got by number. But so is each open query of a resolver, which picks its
 * ports itself so that they cannot be guessed. The difference: queries are many and do not stay.
 *
 * A socket is a service if an earlier look saw it too, a second ago or more; or if its owner, a
 * user in a cgroup, has at most UDP_SERVICES_FEW of them, including those that it lost since the
 * last look.
 */

#include "collectors/kernel/portset.h"
#include "collectors/tables/range_listener.h"

#define UDP_SERVICES_FEW 4u
/* How many sockets are remembered between looks; those that stay come first. */
#define UDP_SERVICES_MAX 4096u

struct udp_services;

/* NULL: out of memory. */
struct udp_services *udp_services_new(void);
void udp_services_free(struct udp_services *services); /* NULL is fine */

/* Starts a look: forgets what was noted since the last finished one. */
void udp_services_begin(struct udp_services *services);

/* Notes a UDP socket without a peer whose port was chosen by number. */
void udp_services_note(struct udp_services *services, const struct socket *socket);

/*
 * Ends the look and calls each once for every service in it. The next look is compared with this
 * one. Returns 0; or -ENOMEM, and nothing is remembered.
 */
int udp_services_finish(struct udp_services *services,
    void (*each)(void *context, const struct range_listener *listener), void *context);

/* The same, and adds their ports to the set. */
int udp_services_finish_ports(struct udp_services *services, struct portset *ports);

#endif
