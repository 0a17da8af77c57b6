/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FILTER_H
#define EPHEMERA_FILTER_H

/* --by and --to: what a command is to show. */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/views/destination_rows.h"
#include "exporter/commands/options.h"

/* Whether either was given. */
bool filter_is_asked(const struct options *options);

/*
 * Whom --by names; NULL without the flag. Returns 0 or -ENOMEM. The options must outlive it; the
 * caller frees it with owner_filter_free().
 */
int filter_open_owners(const struct options *options, struct owner_filter **ret_owners);

/* The peers of --to; NULL without the flag. */
const struct peer_filter *filter_peers(const struct options *options);

#define FILTER_COMM 16

/* What a call or a lease is about. */
struct filter_subject {
	enum socket_family family;
	const uint8_t *remote; /* 16 bytes, see struct socket_address */
	uint16_t remote_port;  /* 0: it has no peer */
	const char *comm;      /* FILTER_COMM bytes, with NUL at the end or without */
	int pid;
	const char *cgroup; /* NULL: unknown */
};

/* Whether it is asked for. owners: of filter_open_owners(). */
bool filter_has(const struct options *options, const struct owner_filter *owners,
    const struct filter_subject *subject);

#endif
