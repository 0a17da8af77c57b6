// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/procnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"

#define MILLISECONDS_PER_TICK 10u /* USER_HZ is 100 wherever Linux runs */
#define LINES_PER_BATCH 256u

struct cursor {
	const char *at;
	const char *end;
};

static void skip_spaces(struct cursor *cursor)
{
	while (cursor->at < cursor->end && *cursor->at == ' ')
		cursor->at++;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 16;
}

/* A number of at most 32 bits in that base. */
static int take_digits(struct cursor *cursor, int base, uint32_t *ret_number)
{
	uint64_t number = 0;
	const char *start = cursor->at;

	while (cursor->at < cursor->end && digit_value(*cursor->at) < base) {
		number = number * (unsigned)base + (unsigned)digit_value(*cursor->at);
		if (number > UINT32_MAX)
			return -EBADMSG;
		cursor->at++;
	}
	if (cursor->at == start)
		return -EBADMSG;
	*ret_number = (uint32_t)number;
	return 0;
}

/* The same after any number of blanks. */
static int take_number(struct cursor *cursor, int base, uint32_t *ret_number)
{
	skip_spaces(cursor);
	return take_digits(cursor, base, ret_number);
}

static int take_char(struct cursor *cursor, char expected)
{
	if (cursor->at == cursor->end || *cursor->at != expected)
		return -EBADMSG;
	cursor->at++;
	return 0;
}

static int skip_field(struct cursor *cursor)
{
	skip_spaces(cursor);

	const char *start = cursor->at;

	while (cursor->at < cursor->end && *cursor->at != ' ')
		cursor->at++;
	return cursor->at == start ? -EBADMSG : 0;
}

/* The kernel prints each 32-bit word of an address in the host's byte order. */
static int take_address(struct cursor *cursor, enum socket_family family,
    struct socket_address *ret_address, uint16_t *ret_port)
{
	const size_t words = family == SOCKET_IPV4 ? 1 : 4;

	skip_spaces(cursor);
	memset(ret_address, 0, sizeof(*ret_address));
	for (size_t i = 0; i < words; i++) {
		uint32_t word;
		struct cursor one = {cursor->at, cursor->at + 8};

		if (cursor->end - cursor->at < 8 || take_digits(&one, 16, &word) < 0 ||
		    one.at != cursor->at + 8)
			return -EBADMSG;
		memcpy(ret_address->bytes + 4 * i, &word, sizeof(word));
		cursor->at += 8;
	}

	uint32_t port;

	if (take_char(cursor, ':') < 0 || take_digits(cursor, 16, &port) < 0 || port > UINT16_MAX)
		return -EBADMSG;
	*ret_port = (uint16_t)port;
	return 0;
}

/* sl local remote st tx:rx tr:when retransmits uid timeout inode */
int procnet_decode(const char *line, size_t length, enum socket_protocol protocol,
    enum socket_family family, struct socket *ret_socket)
{
	struct cursor cursor = {line, line + length};
	struct socket socket;
	uint32_t state;
	uint32_t timer;
	uint32_t when;
	uint32_t ignored;
	uint32_t queue;

	memset(&socket, 0, sizeof(socket));
	socket.protocol = protocol;
	socket.family = family;
	if (take_number(&cursor, 10, &ignored) < 0 || take_char(&cursor, ':') < 0 ||
	    take_address(&cursor, family, &socket.local, &socket.local_port) < 0 ||
	    take_address(&cursor, family, &socket.remote, &socket.remote_port) < 0 ||
	    take_number(&cursor, 16, &state) < 0 || take_number(&cursor, 16, &ignored) < 0 ||
	    take_char(&cursor, ':') < 0 || take_number(&cursor, 16, &queue) < 0 ||
	    take_number(&cursor, 16, &timer) < 0 || take_char(&cursor, ':') < 0 ||
	    take_number(&cursor, 16, &when) < 0 || skip_field(&cursor) < 0 ||
	    take_number(&cursor, 10, &socket.uid) < 0 || skip_field(&cursor) < 0 ||
	    take_number(&cursor, 10, &socket.inode) < 0)
		return -EBADMSG;
	if (state == 0 || state >= SOCKET_STATES)
		return -EBADMSG;
	socket.state = state == SOCKET_NEW_SYN_RECV ? SOCKET_SYN_RECV : (enum socket_state)state;
	if (timer == 3 && when <= UINT32_MAX / MILLISECONDS_PER_TICK)
		socket.expires_ms = when * MILLISECONDS_PER_TICK;
	if (socket.state == SOCKET_LISTEN) {
		socket.queue = queue;
		socket.queue_limit = SOCKET_QUEUE_LIMIT_UNKNOWN;
	}
	socket.is_abandoned = socket_was_abandoned(&socket, socket.inode != 0);
	socket_normalise(&socket);
	*ret_socket = socket;
	return 0;
}

static bool belongs(enum listing listing, const struct socket *socket)
{
	if (listing == LISTING_TCP_LISTEN)
		return socket->state == SOCKET_LISTEN;
	if (listing == LISTING_TCP)
		return socket->state != SOCKET_LISTEN;
	return true;
}

static int list_file(const char *procfs, const char *name, enum listing listing,
    enum socket_family family, int (*observe)(void *context, const struct socket *socket),
    int (*batch)(void *context), void *context)
{
	char path[PATH_MAX];
	char line[512]; /* a line is at most 200 bytes, padding included */
	unsigned lines = 0;
	const int length = snprintf(path, sizeof(path), "%s/net/%s", procfs, name);

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;

	cleanup_fclose FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	if (!fgets(line, sizeof(line), file)) /* the heading */
		return ferror(file) ? -EIO : -EBADMSG;
	while (fgets(line, sizeof(line), file)) {
		struct socket socket;
		const size_t size = strcspn(line, "\n");
		int result = procnet_decode(line, size, listing_protocol(listing), family, &socket);

		if (result == 0 && belongs(listing, &socket))
			result = observe(context, &socket);
		if (result == 0 && batch && ++lines % LINES_PER_BATCH == 0)
			result = batch(context);
		if (result < 0)
			return result;
	}
	return ferror(file) ? -EIO : 0;
}

int procnet_list(const char *procfs, enum listing listing,
    int (*observe)(void *context, const struct socket *socket), int (*batch)(void *context),
    void *context)
{
	int result;

	switch (listing) {
	case LISTING_TCP_LISTEN:
	case LISTING_TCP:
		result = list_file(procfs, "tcp", listing, SOCKET_IPV4, observe, batch, context);
		if (result < 0)
			return result;
		result = list_file(procfs, "tcp6", listing, SOCKET_IPV6, observe, batch, context);
		return result == -ENOENT ? 0 : result;
	case LISTING_UDP4:
		return list_file(procfs, "udp", listing, SOCKET_IPV4, observe, batch, context);
	case LISTING_UDP6:
		result = list_file(procfs, "udp6", listing, SOCKET_IPV6, observe, batch, context);
		return result == -ENOENT ? 0 : result;
	case LISTING_TCP_BOUND:
		return 0; /* /proc does not show them */
	default:
		return -EOPNOTSUPP;
	}
}
