// SPDX-License-Identifier: Apache-2.0
/*
 * ephemera-sockets FILE: makes the sockets that FILE asks for, says how each line went, and keeps
 * them until SIGTERM. Linked statically, for machines that have no Python. A line is
 *
 *   WHAT COUNT FAMILY ADDRESS PORT [from ADDRESS [PORT]]
 *
 * FAMILY: ipv4, ipv6, or mapped (an IPv6 socket that speaks IPv4). WHAT:
 *
 *   listen       one listener, with a backlog of COUNT
 *   deferred     the same, which takes a connection in once its client has said something
 *   connect      connections, kept
 *   reconnect    the same, of sockets that were refused by port 9 before
 *   reset        connections, each closed by a reset at once: no TIME_WAIT
 *   half_closed  connections, each shut down by its client, kept
 *   abandoned    connections, each closed by its client alone
 *   unanswered   connect() that does not wait, where a listener's queue is full, kept
 *   time_wait    connections, each closed in order at once by its client; the listener is ours
 *   bind         TCP sockets that only bind
 *   beside       listen() of TCP sockets that share their port with one that listens already
 *   udp          UDP sockets that bind
 *   udp_connect  UDP sockets that connect
 *
 * from ADDRESS binds first, and leaves the port to connect(); with a PORT, to that one; 0 is one
 * of the kernel's choice.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LISTENERS 32
#define NOBODYS_PORT 9
#define MAX_ERROR 256
#define DEFER_SECONDS 600 /* longer than the machine is there */

struct line {
	char what[16];
	unsigned count;
	char family[16];
	char address[INET6_ADDRSTRLEN];
	uint16_t port;
	char source[INET6_ADDRSTRLEN];
	uint16_t source_port;
	/* How many of these the line has. */
	int fields;
};

struct listener {
	int fd;
	sa_family_t family;
	uint16_t port;
};

static struct listener listeners[MAX_LISTENERS];
static size_t listeners_length;

static bool is_ipv4(const struct line *line)
{
	return strcmp(line->family, "ipv4") == 0;
}

static bool is(const struct line *line, const char *what)
{
	return strcmp(line->what, what) == 0;
}

static bool is_listener(const struct line *line)
{
	return is(line, "listen") || is(line, "deferred");
}

static socklen_t address_of(const struct line *line, const char *address, uint16_t port,
    struct sockaddr_storage *ret_address)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)ret_address;
	char text[INET6_ADDRSTRLEN + 8];

	memset(ret_address, 0, sizeof(*ret_address));
	if (is_ipv4(line)) {
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons(port);
		return inet_pton(AF_INET, address, &ipv4->sin_addr) == 1 ? sizeof(*ipv4) : 0;
	}
	snprintf(
	    text, sizeof(text), "%s%s", strcmp(line->family, "mapped") ? "" : "::ffff:", address);
	ipv6->sin6_family = AF_INET6;
	ipv6->sin6_port = htons(port);
	return inet_pton(AF_INET6, text, &ipv6->sin6_addr) == 1 ? sizeof(*ipv6) : 0;
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* What the kernel has at once, not after it has asked more often. */
static int prepare(int fd, const struct line *line, int type)
{
	if (!is_ipv4(line) && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !strcmp(line->family, "ipv6")) < 0)
		return -1;
	/* Who is to be kept without an answer asks for two minutes. */
	if (type == SOCK_STREAM && !is(line, "unanswered") &&
	    set(fd, IPPROTO_TCP, TCP_SYNCNT, 1) < 0)
		return -1;
	/* A port of the caller's choice may have connections already. */
	if (is_listener(line) || is(line, "beside") || line->source_port)
		return set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return 0;
}

static int bind_first(int fd, const struct line *line)
{
	struct sockaddr_storage source;
	socklen_t length = address_of(line, line->source, line->source_port, &source);

	if (line->fields < 7 && set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&source, length);
}

static int keep_listener(int fd, const struct line *line)
{
	if (is(line, "deferred") && set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_SECONDS) < 0)
		return -1;
	if (listen(fd, (int)line->count) < 0)
		return -1;
	if (listeners_length == MAX_LISTENERS) {
		errno = ENOSPC;
		return -1;
	}
	listeners[listeners_length++] = (struct listener){
	    .fd = fd, .family = is_ipv4(line) ? AF_INET : AF_INET6, .port = line->port};
	return 0;
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
	/* At the same place in both families. */
	return ((const struct sockaddr_in *)address)->sin_port;
}

/* The other end of a connection to one of our listeners; those before it are kept. */
static int accept_peer(int client, const struct line *line)
{
	const sa_family_t family = strcmp(line->family, "ipv6") ? AF_INET : AF_INET6;
	struct sockaddr_storage own, peer;
	socklen_t length = sizeof(own);

	if (getsockname(client, (struct sockaddr *)&own, &length) < 0)
		return -1;
	for (size_t i = 0; i < listeners_length; i++) {
		if (listeners[i].family != family || listeners[i].port != line->port)
			continue;
		for (;;) {
			length = sizeof(peer);
			const int fd = accept(listeners[i].fd, (struct sockaddr *)&peer, &length);

			if (fd < 0 || port_of(&peer) == port_of(&own))
				return fd;
		}
	}
	errno = ENOTCONN;
	return -1;
}

static int close_in_order(int client, const struct line *line)
{
	const int server = accept_peer(client, line);
	char byte;

	if (server < 0)
		return -1;
	close(client);
	if (read(server, &byte, 1) != 0)
		return -1;
	return close(server);
}

static int close_by_reset(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
		return -1;
	return close(fd);
}

/* Returns 0 where nobody is on the port, and so the socket had a port and lost it. */
static int be_refused(int fd, const struct line *line)
{
	struct sockaddr_storage address;
	const socklen_t length = address_of(line, line->address, NOBODYS_PORT, &address);

	if (connect(fd, (struct sockaddr *)&address, length) == 0)
		errno = EISCONN;
	return errno == ECONNREFUSED ? 0 : -1;
}

/* Another socket takes the port and listens, so that this one may not. */
static int listen_beside(int fd, const struct line *line)
{
	const int other = socket(is_ipv4(line) ? AF_INET : AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_storage own;
	socklen_t length = sizeof(own);
	int result = -1;

	if (other >= 0 && prepare(other, line, SOCK_STREAM) == 0 &&
	    getsockname(fd, (struct sockaddr *)&own, &length) == 0 &&
	    bind(other, (struct sockaddr *)&own, length) == 0 && listen(other, 1) == 0)
		result = listen(fd, 1);

	const int error = errno;

	close(other);
	errno = error;
	return result;
}

/* Returns 0 if the peer has not answered at once, as on loopback others do. */
static int connect_unanswered(int fd, const struct sockaddr *address, socklen_t length)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -1;
	if (connect(fd, address, length) == 0)
		errno = EISCONN;
	return errno == EINPROGRESS ? 0 : -1;
}

static int begin(int fd, const struct line *line)
{
	struct sockaddr_storage address;
	const socklen_t length = address_of(line, line->address, line->port, &address);

	if (is_listener(line) || is(line, "bind") || is(line, "beside") || is(line, "udp"))
		return bind(fd, (struct sockaddr *)&address, length);
	if (is(line, "unanswered"))
		return connect_unanswered(fd, (struct sockaddr *)&address, length);
	return connect(fd, (struct sockaddr *)&address, length);
}

/* Returns -1 with errno where the kernel refuses. */
static int make(const struct line *line)
{
	const int type = strncmp(line->what, "udp", 3) ? SOCK_STREAM : SOCK_DGRAM;
	const int fd = socket(is_ipv4(line) ? AF_INET : AF_INET6, type, 0);

	if (fd < 0 || prepare(fd, line, type) < 0)
		return -1;
	if (line->fields > 5 && bind_first(fd, line) < 0)
		goto refused;
	if (is(line, "reconnect") && be_refused(fd, line) < 0)
		goto refused;
	if (begin(fd, line) < 0)
		goto refused;
	if (is(line, "beside") && listen_beside(fd, line) < 0)
		goto refused;
	if (is_listener(line))
		return keep_listener(fd, line);
	if (is(line, "half_closed"))
		return shutdown(fd, SHUT_WR);
	if (is(line, "abandoned"))
		return close(fd);
	if (is(line, "time_wait"))
		return close_in_order(fd, line);
	if (is(line, "reset"))
		return close_by_reset(fd);
	return 0;
refused:;
	const int error = errno;

	close(fd);
	errno = error;
	return -1;
}

static void make_all(const struct line *line)
{
	const unsigned count = is_listener(line) ? 1 : line->count;
	unsigned errors[MAX_ERROR] = {0};
	unsigned made = 0;

	for (unsigned i = 0; i < count; i++) {
		if (make(line) == 0)
			made++;
		else if (errno < MAX_ERROR)
			errors[errno]++;
	}
	printf(": made=%u", made);
	for (int i = 0; i < MAX_ERROR; i++)
		if (errors[i])
			printf(" %s=%u", strerrorname_np(i), errors[i]);
	printf("\n");
}

static bool parse(const char *text, struct line *ret_line)
{
	static const char *const known[] = {"listen", "deferred", "connect", "reconnect", "reset",
	    "half_closed", "abandoned", "unanswered", "time_wait", "bind", "beside", "udp",
	    "udp_connect"};
	struct sockaddr_storage address;

	memset(ret_line, 0, sizeof(*ret_line));
	ret_line->fields = sscanf(text, "%15s %u %15s %45s %hu from %45s %hu", ret_line->what,
	    &ret_line->count, ret_line->family, ret_line->address, &ret_line->port,
	    ret_line->source, &ret_line->source_port);
	if (ret_line->fields < 5 ||
	    !address_of(ret_line, ret_line->address, ret_line->port, &address) ||
	    (ret_line->fields > 5 && !address_of(ret_line, ret_line->source, 0, &address)))
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (is(ret_line, known[i]))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
	struct line line;
	char text[256];
	sigset_t end;
	int signal_number;

	if (!file) {
		fprintf(stderr, "Usage: ephemera-sockets FILE\n");
		return 2;
	}
	/* Waited for, not died of: shells say so where they were not asked. */
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	while (fgets(text, sizeof(text), file)) {
		text[strcspn(text, "\n")] = '\0';
		printf("%s", text);
		if (!parse(text, &line)) {
			printf(": not understood\n");
			return 2;
		}
		make_all(&line);
	}
	fclose(file);
	printf("held\n");
	fflush(stdout);
	return sigwait(&end, &signal_number) == 0 ? 0 : 1;
}
