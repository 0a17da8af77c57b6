// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "collectors/kernel/bound_probe.h"
#include "collectors/kernel/dumpfile.h"
#include "collectors/kernel/netlink.h"
#include "collectors/kernel/procnet.h"
#include "collectors/kernel/source_state.h"

static enum source_kind first_used(const struct source *source, enum socket_protocol protocol)
{
	if (protocol == SOCKET_TCP ? source_walks(source) : source_walks_udp(source))
		return SOURCE_BPF;
	return source->kind == SOURCE_AUTO || source->kind == SOURCE_BPF ? SOURCE_SOCK_DIAG
									 : source->kind;
}

int source_open(const struct source_options *options, struct source **ret_source)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return -ENOMEM;
	source->procfs = options->procfs;
	source->kind = options->kind;
	source->probed = options->bound_only != SOURCE_BOUND_ONLY_UNKNOWN;
	source->sees_bound_only = options->bound_only == SOURCE_BOUND_ONLY_SEEN;
	/* A recording is of what sock_diag sends. */
	if ((options->kind == SOURCE_AUTO || options->kind == SOURCE_BPF) && !options->record)
		source->walk = options->walk;
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++)
		source->used[i] = first_used(source, i);
	if (options->kind == SOURCE_REPLAY) {
		source->replay = fopen(options->replay, "re");
		if (!source->replay)
			goto failed;
	}
	if (options->record) {
		source->record = fopen(options->record, "we");
		if (!source->record || dumpfile_start(source->record) < 0)
			goto failed;
	}
	*ret_source = source;
	return 0;
failed:;
	const int error = errno ? errno : EIO;

	source_close(source);
	return -error;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	if (source->replay)
		fclose(source->replay);
	if (source->record)
		fclose(source->record);
	free(source);
}

/* Turns netlink's messages into sockets for the observer. */
struct translation {
	const struct source_observer *observer;
	enum listing listing;
	FILE *record;
};

static int on_message(void *context, const struct nlmsghdr *message)
{
	const struct translation *translation = context;
	struct socket socket;
	const int result = inet_diag_decode(translation->listing, message, &socket);

	if (result < 0)
		return result;
	return translation->observer->observe(translation->observer->context, &socket);
}

static int on_received(void *context, const void *bytes, size_t length)
{
	const struct translation *translation = context;

	if (translation->record) {
		const int result = dumpfile_write_chunk(translation->record, bytes, length);

		if (result < 0)
			return result;
	}
	if (!translation->observer->batch)
		return 0;
	return translation->observer->batch(translation->observer->context);
}

static int list_sock_diag(struct source *source, enum listing listing,
    const struct port_filter *filter, const struct source_observer *observer)
{
	_Alignas(8) char buffer[INET_DIAG_REQUEST_SIZE];
	struct translation translation = {observer, listing, source->record};
	const struct netlink_sink sink = {on_message, on_received, &translation};
	int result = 0;

	if (source->record)
		result = dumpfile_begin_listing(source->record, listing);
	if (result < 0)
		return result;
	result = netlink_dump(inet_diag_request(listing, filter, buffer), &sink);
	if (source->record) {
		const int written = dumpfile_end_listing(source->record, result);

		if (result == 0)
			result = written;
	}
	return result;
}

static int list_replay(
    struct source *source, enum listing listing, const struct source_observer *observer)
{
	struct translation translation = {observer, listing, NULL};
	const struct netlink_sink sink = {on_message, on_received, &translation};

	return dumpfile_replay(source->replay, listing, &sink);
}

/*
 * The errors if sock_diag or its module for a protocol is missing, or a sandbox forbids it. All of
 * them come before any record.
 */
static bool is_absent(int result)
{
	switch (result) {
	case -ENOENT:	       /* no handler for the protocol */
	case -EOPNOTSUPP:      /* no handler for the legacy request */
	case -EPROTONOSUPPORT: /* no NETLINK_SOCK_DIAG */
	case -EAFNOSUPPORT:    /* no AF_NETLINK */
	case -ENOSYS:
	case -EINVAL: /* gVisor: no such request */
	case -EPERM:  /* seccomp */
	case -EACCES: /* SELinux */
		return true;
	default:
		return false;
	}
}

/* Lists all TCP sockets, and finds out whether bound-only ones are among them. */
static int list_probing(struct source *source, const struct source_observer *observer)
{
	struct bound_probe probe;
	const struct source_observer looking = {
	    bound_probe_observe, observer->batch ? bound_probe_batch : NULL, &probe};

	bound_probe_open(&probe, source->procfs, observer);

	const int result = list_sock_diag(source, LISTING_TCP, NULL, &looking);

	if (result == 0) {
		source->probed = true;
		source->sees_bound_only = bound_probe_answer(&probe);
	}
	bound_probe_close(&probe);
	return result;
}

static int list_all(struct source *source, enum listing listing, const struct port_filter *filter,
    const struct source_observer *observer)
{
	const enum socket_protocol protocol = listing_protocol(listing);

	if (source_is_walked(source, listing) && !filter)
		return source_list_by_walk(source, listing, observer);
	if (source->kind == SOURCE_REPLAY)
		return list_replay(source, listing, observer);
	if (listing == LISTING_UDP)
		return -EOPNOTSUPP;
	if (source->kind != SOURCE_PROCFS) {
		const bool probe =
		    listing == LISTING_TCP && !filter && !source->probed && !source->record;
		const int result = probe ? list_probing(source, observer)
					 : list_sock_diag(source, listing, filter, observer);

		if (source->kind != SOURCE_AUTO || !is_absent(result)) {
			source->used[protocol] = SOURCE_SOCK_DIAG;
			return result;
		}
	}
	source->used[protocol] = SOURCE_PROCFS;
	return procnet_list(
	    source->procfs, listing, observer->observe, observer->batch, observer->context);
}

static int ignore_socket(void *context, const struct socket *socket)
{
	(void)context;
	(void)socket;
	return 0;
}

void source_probe(struct source_options *options)
{
	const struct source_observer nobody = {ignore_socket, NULL, NULL};
	struct bound_probe probe;
	const struct source_observer looking = {bound_probe_observe, NULL, &probe};
	struct portset ports = {{0}};
	const struct port_filter filter = {&ports, PORT_FILTER_LOCAL};
	struct source source = {.procfs = options->procfs, .kind = SOURCE_SOCK_DIAG};

	if (options->kind == SOURCE_PROCFS || options->kind == SOURCE_REPLAY)
		return;
	bound_probe_open(&probe, options->procfs, &nobody);
	if (probe.fd < 0)
		return;
	portset_add(&ports, probe.port);
	if (list_sock_diag(&source, LISTING_TCP, &filter, &looking) == 0)
		options->bound_only =
		    bound_probe_answer(&probe) ? SOURCE_BOUND_ONLY_SEEN : SOURCE_BOUND_ONLY_HIDDEN;
	bound_probe_close(&probe);
}

int source_list(struct source *source, enum listing listing, const struct source_observer *observer)
{
	return list_all(source, listing, NULL, observer);
}

/* Filters a listing if the kernel did not, or not enough. */
struct sieve {
	const struct port_filter *filter;
	const struct source_observer *observer;
};

static int observe_matching(void *context, const struct socket *socket)
{
	const struct sieve *sieve = context;

	if (!port_filter_matches(sieve->filter, socket))
		return 0;
	return sieve->observer->observe(sieve->observer->context, socket);
}

static int pass_batch(void *context)
{
	const struct sieve *sieve = context;

	return sieve->observer->batch(sieve->observer->context);
}

int source_list_ports(struct source *source, enum listing listing, const struct port_filter *filter,
    const struct source_observer *observer)
{
	struct sieve sieve = {filter, observer};
	const struct source_observer through = {
	    observe_matching, observer->batch ? pass_batch : NULL, &sieve};

	return list_all(source, listing, filter, &through);
}

enum source_kind source_used(const struct source *source, enum socket_protocol protocol)
{
	return source->used[protocol];
}

bool source_sees_bound_only(const struct source *source)
{
	if (source->kind == SOURCE_REPLAY || source_walks(source))
		return true;
	if (source->used[SOCKET_TCP] != SOURCE_SOCK_DIAG)
		return false;
	return source->probed ? source->sees_bound_only : bound_probe_by_release();
}

const char *source_kind_name(enum source_kind kind)
{
	switch (kind) {
	case SOURCE_BPF:
		return "bpf";
	case SOURCE_PROCFS:
		return "procfs";
	case SOURCE_REPLAY:
		return "replay";
	default:
		return "sock_diag";
	}
}
