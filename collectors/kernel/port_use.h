/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_USE_H
#define EPHEMERA_PORT_USE_H

/* Whether the next connect() to the same destination can use a socket's port. */

#include "collectors/kernel/settings.h"
#include "collectors/kernel/stamps.h"

#define TIME_WAIT_MS 60000u /* TCP_TIMEWAIT_LEN, include/net/tcp.h */

enum port_use {
	PORT_ACTIVE,	/* in use */
	PORT_TIME_WAIT, /* in TIME_WAIT, and blocked */
	PORT_REUSABLE,	/* in TIME_WAIT, but connect() may take it over now */
	PORT_USES
};

/*
 * stamps: for a socket that does not tell whether it had timestamps, what a walk of the buckets
 * found about TIME_WAIT, or NULL. With NULL it does not count as reusable: it may not be, and the
 * numbers would promise too much.
 */
enum port_use port_use_of(const struct socket *socket, const struct settings *settings,
    const struct buckets_found *stamps);

/* Whether the settings let connect() take over the TIME_WAIT, if the socket allows it. */
bool port_use_may_be_reused(const struct socket *socket, const struct settings *settings);

#endif
