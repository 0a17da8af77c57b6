/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SOURCE_H
#define EPHEMERA_SOURCE_H

/*
 * Where sockets come from: sock_diag, /proc/net where that is absent, or a recorded dump.
 * Records are handed on as they come; there is no table of sockets.
 */

#include <stdbool.h>

#include "collectors/kernel/inet_diag.h"
#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"

enum source_kind {
	SOURCE_AUTO, /* sock_diag, and procfs for a protocol that it refuses */
	SOURCE_SOCK_DIAG,
	SOURCE_PROCFS,
	SOURCE_REPLAY,
};

/* Whether the kernel lists sockets that only bind(): see source_sees_bound_only(). */
enum source_bound_only {
	SOURCE_BOUND_ONLY_UNKNOWN, /* each source finds out by itself */
	SOURCE_BOUND_ONLY_SEEN,
	SOURCE_BOUND_ONLY_HIDDEN,
};

struct bind_buckets;

struct source_options {
	const char *procfs; /* such as "/proc"; must outlive the source */
	enum source_kind kind;
	const char *replay; /* SOURCE_REPLAY: the file with recorded dumps */
	const char *record; /* NULL, or a file that what sock_diag sends is recorded to */
	enum source_bound_only bound_only;
	struct port_range node_ports; /* those of the cluster that the host is in; 0-0: unknown */
	/*
	 * NULL, or who tells better which ports a bind() holds (bind_buckets.h), for whoever makes
	 * a gatherer or a lookup with these options; the caller's.
	 */
	struct bind_buckets *buckets;
};

struct source_observer {
	int (*observe)(void *context, const struct socket *socket);
	int (*batch)(void *context); /* between batches of records; may be NULL */
	void *context;
};

struct source;

/*
 * Finds options->bound_only out, once for all sources that are opened with them: whoever
 * may make no sockets of that kind later, or would make one for each of many sources. It
 * stays unknown where the kernel does not tell.
 */
void source_probe(struct source_options *options);

/*
 * Returns 0 or -errno (a file that cannot be opened, -ENOMEM). The caller closes it with
 * source_close(). One thread at a time may use it.
 */
int source_open(const struct source_options *options, struct source **ret_source);
void source_close(struct source *source);

/*
 * Calls observer for each socket of listing. Returns 0 once the listing is complete,
 * -EINTR where what was handed on is inconsistent and everything must be begun again,
 * -EOPNOTSUPP where this source cannot tell (the *_CHOSEN listings of procfs), or another
 * -errno: the observer's own, the kernel's or the file's.
 */
int source_list(
    struct source *source, enum listing listing, const struct source_observer *observer);

/* The same for those sockets of listing alone that filter matches. */
int source_list_ports(struct source *source, enum listing listing, const struct port_filter *filter,
    const struct source_observer *observer);

/* What the last listing of that protocol was read from; the kind asked for before any. */
enum source_kind source_used(const struct source *source, enum socket_protocol protocol);

/* "sock_diag", "procfs" or "replay". */
const char *source_kind_name(enum source_kind kind);

/*
 * Whether this kernel lists sockets that only bind() (since 6.8): known once LISTING_TCP
 * was listed whole, or from source_probe(); false before. To find it out, a socket of our own
 * is bound to a port outside the ephemeral range and looked for (and not handed on); where no
 * such port can be had, or a dump is being recorded, the kernel's release decides. False for
 * procfs, true for a replay.
 */
bool source_sees_bound_only(const struct source *source);

#endif
