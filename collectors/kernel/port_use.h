/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_USE_H
#define EPHEMERA_PORT_USE_H

/* What a socket's port is to the next connect() to the same destination. */

#include "collectors/kernel/settings.h"
#include "collectors/kernel/stamps.h"

#define TIME_WAIT_MS 60000u /* TCP_TIMEWAIT_LEN, include/net/tcp.h */

enum port_use {
	PORT_ACTIVE,	/* in use */
	PORT_TIME_WAIT, /* in TIME_WAIT, and not to be had */
	PORT_REUSABLE,	/* in TIME_WAIT, but connect() may take it over now */
	PORT_USES
};

/*
 * stamps: what a walk of the buckets found of TIME_WAIT, or NULL where nobody asked the kernel.
 * Then none is called reusable, since some may not be, and whoever counted on them would promise
 * too much.
 */
enum port_use port_use_of(const struct socket *socket, const struct settings *settings,
    const struct buckets_found *stamps);

/* Whether the settings allow that connect() takes the TIME_WAIT over, if the socket does. */
bool port_use_may_be_reused(const struct socket *socket, const struct settings *settings);

#endif
