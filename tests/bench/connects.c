// SPDX-License-Identifier: Apache-2.0
/*
 * connects SECONDS close|reset: opens and ends TCP connections over loopback, one after the
 * other, and prints how many a second. In a namespace of its own, as a rule.
 *
 * Each goes to another of 4,096 addresses, so that no destination runs out of ports. close:
 * the connecting side closes first, so it is the one with TIME_WAIT; reset: it sends RST.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES 4096u
#define FIRST_ADDRESS 0x7f010001u /* 127.1.0.1 */
#define BETWEEN_LOOKS 64

static int fail(const char *what)
{
	fprintf(stderr, "connects: %s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Reads to the end of each connection and closes it, until its parent is gone. */
static void accept_all(int listener)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (;;) {
		const int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		(void)!read(fd, &byte, sizeof(byte));
		close(fd);
	}
}

static int connect_once(uint32_t address, in_port_t port, int resets)
{
	const struct linger linger = {.l_onoff = 1};
	const struct sockaddr_in peer = {
	    .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(address)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return -1;
	if (resets)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));

	const int result = connect(fd, (const struct sockaddr *)&peer, sizeof(peer));

	close(fd);
	return result;
}

static int run(double seconds, in_port_t port, int resets)
{
	const double start = now();
	unsigned long connections = 0;

	while (now() - start < seconds)
		for (int i = 0; i < BETWEEN_LOOKS; i++, connections++)
			if (connect_once(FIRST_ADDRESS + (uint32_t)connections % ADDRESSES, port,
				resets) < 0)
				return fail("connect");
	printf("%.0f\n", (double)connections / (now() - start));
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	const int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 3 || (strcmp(argv[2], "close") != 0 && strcmp(argv[2], "reset") != 0)) {
		fputs("Usage: connects SECONDS close|reset\n", stderr);
		return 2;
	}
	if (listener < 0 || bind(listener, (const struct sockaddr *)&address, size) < 0 ||
	    listen(listener, 1024) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		return fail("listener");

	const pid_t acceptor = fork();

	if (acceptor < 0)
		return fail("fork");
	if (acceptor == 0)
		accept_all(listener);

	const int status =
	    run(strtod(argv[1], NULL), address.sin_port, strcmp(argv[2], "reset") == 0);

	kill(acceptor, SIGKILL);
	waitpid(acceptor, NULL, 0);
	return status;
}
