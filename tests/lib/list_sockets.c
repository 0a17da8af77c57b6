// SPDX-License-Identifier: Apache-2.0
/*
 * Run by tests/live: prints each socket of this network namespace on a line, as one source told it.
 * Usage: list_sockets walk|sock_diag [WALKS]: "walk" WALKS times, with an empty line after each.
 * list_sockets all: the network namespaces of the host with their settings, the ports that bind()
 * holds in each, and all sockets, each behind the number of its namespace.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/source.h"
#include "collectors/kernel/walk.h"

static int print(void *context, const struct socket *socket)
{
	char local[SOCKET_ADDRESS_TEXT];
	char remote[SOCKET_ADDRESS_TEXT];
	/* sock_diag tells it only of some, and TIME_WAIT has no user. */
	const bool has_file = socket->protocol == SOCKET_UDP || socket->state == SOCKET_BOUND;

	(void)context;
	socket_address_format(&socket->local, socket->family, 0, local);
	socket_address_format(&socket->remote, socket->family, 0, remote);
	printf("%s %s %s %s %u %s %u interface=%u cgroup=%llu queue=%u/%u inode=%u uid=%u",
	    socket_protocol_name(socket->protocol), socket_family_name(socket->family),
	    socket_state_name(socket->state), local, socket->local_port, remote,
	    socket->remote_port, socket->interface, (unsigned long long)socket->cgroup_id,
	    socket->state == SOCKET_LISTEN ? socket->queue : 0,
	    socket->state == SOCKET_LISTEN ? socket->queue_limit : 0, has_file ? socket->inode : 0,
	    has_file ? socket->uid : 0);
	printf(" ipv6_only=%d chosen=%d expires=%u\n",
	    socket->tells_ipv6_only ? socket->ipv6_only : -1,
	    socket->tells_chosen ? socket->is_chosen : -1, socket->expires_ms);
	return 0;
}

static int list(const struct source_options *options, const enum listing *listings, size_t length)
{
	const struct source_observer observer = {print, NULL, NULL};
	struct source *source;
	int result = source_open(options, &source);

	if (result < 0)
		return result;
	for (size_t i = 0; i < length && result == 0; i++)
		result = source_list(source, listings[i], &observer);
	source_close(source);
	return result;
}

static int by_walk(struct source_options *options, int walks)
{
	static const enum listing listings[] = {
	    LISTING_TCP_LISTEN, LISTING_TCP_BOUND, LISTING_TCP_CONNECTED, LISTING_UDP};
	const char *reason;
	int result = walk_open(&options->walk, &reason);

	if (result < 0) {
		fprintf(stderr, "%s: %s\n", strerrordesc_np(-result), reason);
		return result;
	}
	for (int i = 0; i < walks && result == 0; i++) {
		result = list(options, listings, walk_has_udp(options->walk) ? 4 : 3);
		puts("");
	}
	walk_close(options->walk);
	return result;
}

static int print_namespace(void *context, const struct walk_namespace *entry)
{
	(void)context;
	printf("%u namespace inode=%u flags=%u range=%u-%u unprivileged=%u reuse=%u delay=%u "
	       "fin=%u limit=%u v6only=%u\n",
	    entry->id, entry->inode, entry->flags, entry->first_port, entry->last_port,
	    entry->unprivileged_first_port, entry->time_wait_reuse, entry->time_wait_reuse_delay_ms,
	    entry->fin_timeout_ms, entry->time_wait_limit, entry->bind_ipv6_only);
	return 0;
}

static int print_held(void *context, uint32_t namespace_id, uint16_t port)
{
	(void)context;
	printf("%u held %u\n", namespace_id, port);
	return 0;
}

static int print_with_namespace(void *context, const struct socket *socket)
{
	printf("%u ", socket->namespace_id);
	return print(context, socket);
}

struct found_namespaces {
	struct walk_namespace list[4096];
	size_t length;
};

static int keep_namespace(void *context, const struct walk_namespace *entry)
{
	struct found_namespaces *found = context;

	if (found->length < sizeof(found->list) / sizeof(found->list[0]))
		found->list[found->length++] = *entry;
	return print_namespace(NULL, entry);
}

/* What only this namespace has. */
static int list_own(struct walk *walk, const struct walk_namespace *entry)
{
	const struct walk_sink sink = {.observe = print_with_namespace, .held = print_held};
	struct portset reserved;
	int result = 0;

	if (entry->flags & WALK_HAS_RESERVED) {
		result = walk_read_reserved(walk, entry->id, &reserved);
		for (unsigned port = 0; port < PORTS && result == 0; port++)
			if (portset_has(&reserved, (uint16_t)port))
				printf("%u reserved %u\n", entry->id, port);
	}
	if (result == 0 && entry->flags & WALK_OWN_TCP_TABLE)
		result = walk_list_all(walk, WALK_CONNECTED, entry->id, NULL, &sink);
	if (result == 0 && entry->flags & WALK_OWN_UDP_TABLE)
		result = walk_list_all(walk, WALK_UDP, entry->id, NULL, &sink);
	return result == -ESRCH ? 0 : result;
}

static int list_everything(void)
{
	static struct found_namespaces found;
	const struct walk_sink sink = {.observe = print_with_namespace, .held = print_held};
	struct walk *walk;
	const char *reason;
	int result = walk_open(&walk, &reason);

	if (result < 0)
		return result;
	result = walk_list_namespaces(walk, keep_namespace, &found);
	for (enum walk_table table = 0; table < WALK_TABLES && result == 0; table++)
		result = walk_list_all(walk, table, 0, NULL, &sink);
	for (size_t i = 0; i < found.length && result == 0; i++)
		result = list_own(walk, &found.list[i]);
	walk_close(walk);
	return result;
}

int main(int argc, char **argv)
{
	static const enum listing listings[] = {
	    LISTING_TCP_LISTEN, LISTING_TCP, LISTING_UDP4, LISTING_UDP6};
	struct source_options options = {.procfs = "/proc", .kind = SOURCE_SOCK_DIAG};

	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "all") == 0)
		return list_everything() < 0;
	if (strcmp(argv[1], "walk") != 0)
		return list(&options, listings, 4) < 0;
	options.kind = SOURCE_BPF;
	return by_walk(&options, argc > 2 ? atoi(argv[2]) : 1) < 0;
}
