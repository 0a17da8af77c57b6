// SPDX-License-Identifier: Apache-2.0
/*
 * Run by tests/live/test_walk.py: prints each socket of this network namespace on a line, as one
 * source told it. Usage: list_sockets walk|sock_diag [WALKS]: "walk" WALKS times, with an empty
 * line after each.
 */
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

int main(int argc, char **argv)
{
	static const enum listing listings[] = {
	    LISTING_TCP_LISTEN, LISTING_TCP, LISTING_UDP4, LISTING_UDP6};
	struct source_options options = {.procfs = "/proc", .kind = SOURCE_SOCK_DIAG};

	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "walk") != 0)
		return list(&options, listings, 4) < 0;
	options.kind = SOURCE_BPF;
	return by_walk(&options, argc > 2 ? atoi(argv[2]) : 1) < 0;
}
