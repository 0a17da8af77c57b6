/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SOURCE_H
#define EPHEMERA_SOURCE_H

/*
 * Where sockets come from: the kernel's own tables by BPF (walk.h), sock_diag, /proc/net if that is
 * absent, or a recorded dump. Records are passed on as they come; there is no table of sockets.
 */

#include <stdbool.h>

#include "collectors/bpf/walk.h"
#include "collectors/kernel/inet_diag.h"
#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"

enum source_kind {
	SOURCE_AUTO, /* bpf if there is a walk, else sock_diag; procfs for a protocol that it
			refuses */
	SOURCE_BPF,
	SOURCE_SOCK_DIAG,
	SOURCE_PROCFS,
	SOURCE_REPLAY,
};

/* Whether the kernel lists sockets that only bind(): see source_sees_bound_only(). */
enum source_bound_only {
	SOURCE_BOUND_ONLY_UNKNOWN, /* each source finds out itself */
	SOURCE_BOUND_ONLY_SEEN,
	SOURCE_BOUND_ONLY_HIDDEN,
};

struct bind_buckets;
struct walk;

struct source_options {
	const char *procfs; /* such as "/proc"; must outlive the source */
	enum source_kind kind;
	const char *replay; /* SOURCE_REPLAY: the file with recorded dumps */
	const char *record; /* NULL, or a file to record what sock_diag sends */
	enum source_bound_only bound_only;
	struct port_range node_ports; /* of the host's Kubernetes cluster; 0-0: unknown */
	/*
	 * NULL, or a better source for the ports that bind() holds (bind_buckets.h), for a gatherer
	 * or a lookup with these options. The caller owns it.
	 */
	struct bind_buckets *buckets;
	/* NULL, or the walk for SOURCE_AUTO and SOURCE_BPF. The caller owns it. */
	struct walk *walk;
};

struct source_observer {
	int (*observe)(void *context, const struct socket *socket);
	int (*batch)(void *context); /* between batches of records; may be NULL */
	void *context;
};

struct source;

/*
 * Finds out options->bound_only, once for all sources that are opened with these options: for
 * callers that may not make such a socket later, or that open many sources. It stays unknown if the
 * kernel does not show it.
 */
void source_probe(struct source_options *options);

/*
 * Returns 0 or -errno (a file that cannot be opened, -ENOMEM). The caller closes it with
 * source_close(). Only one thread at a time may use it.
 */
int source_open(const struct source_options *options, struct source **ret_source);
void source_close(struct source *source);

/*
 * Calls observer for each socket of listing. Returns 0 when the listing is complete; -EINTR: it was
 * inconsistent, begin again from the start; -EOPNOTSUPP: this source does not have the listing (the
 * *_CHOSEN ones of procfs); or another -errno of the observer, the kernel or the file.
 */
int source_list(
    struct source *source, enum listing listing, const struct source_observer *observer);

/* The same, only for the sockets that filter matches. */
int source_list_ports(struct source *source, enum listing listing, const struct port_filter *filter,
    const struct source_observer *observer);

/*
 * Whether it walks the kernel's tables for TCP. Then list LISTING_TCP_BOUND first, which also finds
 * the ports that bind() holds, and LISTING_TCP_CONNECTED; what sockets then tell, see struct
 * socket. If the walk fails, it is given up for good, with -EINTR from source_list(): begin again
 * from the start.
 */
bool source_walks(const struct source *source);

/* The same for UDP: then list LISTING_UDP. */
bool source_walks_udp(const struct source *source);

/*
 * If source_walks(): the same for all network namespaces. What they do, and return besides what
 * source_list() does, is in walk.h.
 */
int source_list_namespaces(struct source *source,
    int (*each)(void *context, const struct walk_namespace *entry), void *context);
int source_read_reserved(
    struct source *source, uint32_t namespace_id, struct portset *ret_reserved);
int source_list_all(struct source *source, enum walk_table table, uint32_t namespace_id,
    const struct source_observer *observer,
    int (*held)(void *context, uint32_t namespace_id, uint16_t port));

/* Why the walk was given up: a -errno; 0: it was not. */
int source_walk_error(const struct source *source);

/* After LISTING_TCP_BOUND, if source_walks(): the ports that bind() keeps from every connect(). */
const struct portset *source_held(const struct source *source);

/*
 * The same options without the walk: for a lookup of a few ports, for which sock_diag's filter is
 * faster.
 */
struct source_options source_without_walk(const struct source_options *options);

/* The source of the last listing of that protocol; before any, the kind in the options. */
enum source_kind source_used(const struct source *source, enum socket_protocol protocol);

/* "bpf", "sock_diag", "procfs" or "replay". */
const char *source_kind_name(enum source_kind kind);

/*
 * Whether this kernel lists sockets that only bind() (since 6.8). Known after a whole LISTING_TCP
 * or source_probe(); false before. To find out, we bind a socket of our own to a port outside the
 * ephemeral range and look for it in the listing (it is not passed on). If there is no such port,
 * or a dump is being recorded, the kernel's release decides. False for procfs, true for a replay,
 * and for a walk, which sees them on every kernel.
 */
bool source_sees_bound_only(const struct source *source);

#endif
