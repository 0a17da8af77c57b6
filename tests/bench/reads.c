// SPDX-License-Identifier: Apache-2.0
/*
 * ephemera-reads CPU WALKS: walks the kernel's tables as often, on that processor, with the
 * exporter's own code and in the order of a scrape. Of each walk it prints the read() that held
 * the processor longest, in nanoseconds of CPU time; the one that took longest by the clock; how
 * many there were; and how many sockets they found.
 *
 * It is linked with --wrap=read, so walk.c calls __wrap_read().
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collectors/kernel/walk.h"

#define WALKS_MAX 10000UL
#define NOT_PERMITTED 77

struct seen {
	int64_t cpu; /* of the worst read() */
	int64_t wall;
	unsigned long reads;
	unsigned long sockets;
};

static struct seen seen;

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);

static int64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * (int64_t)1000000000 + time.tv_nsec;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	const int64_t wall = now(CLOCK_MONOTONIC);
	const int64_t cpu = now(CLOCK_THREAD_CPUTIME_ID);
	const ssize_t length = __real_read(fd, buffer, size);
	const int err = errno;

	seen.cpu = larger(seen.cpu, now(CLOCK_THREAD_CPUTIME_ID) - cpu);
	seen.wall = larger(seen.wall, now(CLOCK_MONOTONIC) - wall);
	seen.reads++;
	errno = err;
	return length;
}

static int count(void *context, const struct socket *socket)
{
	struct seen *counted = context;

	(void)socket;
	counted->sockets++;
	return 0;
}

/* In the order of collectors/pass.c. */
static int walk_all(struct walk *walk)
{
	const struct walk_sink sink = {count, NULL, &seen};
	static struct portset held;
	int result = walk_list(walk, WALK_LISTENERS, NULL, &sink);

	if (result == 0)
		result = walk_list_binds(walk, &sink, &held);
	if (result == 0)
		result = walk_list(walk, WALK_CONNECTED, NULL, &sink);
	if (result == 0 && walk_has_udp(walk))
		result = walk_list(walk, WALK_UDP, NULL, &sink);
	return result;
}

static int run(struct walk *walk, unsigned long walks)
{
	for (unsigned long i = 0; i < walks; i++) {
		seen = (struct seen){0};

		const int result = walk_all(walk);

		if (result < 0) {
			fprintf(stderr, "ephemera-reads: %s\n", strerror(-result));
			return EXIT_FAILURE;
		}
		printf("%lld %lld %lu %lu\n", (long long)seen.cpu, (long long)seen.wall, seen.reads,
		    seen.sockets);
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const unsigned long cpu = argc == 3 ? strtoul(argv[1], NULL, 10) : CPU_SETSIZE;
	const unsigned long walks = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	struct walk *walk;
	const char *reason;
	cpu_set_t set;

	if (cpu >= CPU_SETSIZE || walks < 1 || walks > WALKS_MAX) {
		fputs("Usage: ephemera-reads CPU WALKS\n", stderr);
		return 2;
	}
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("ephemera-reads: sched_setaffinity");
		return EXIT_FAILURE;
	}
	if (walk_open(&walk, &reason) < 0) {
		fprintf(stderr, "ephemera-reads: %s\n", reason);
		return NOT_PERMITTED;
	}

	const int status = run(walk, walks);

	walk_close(walk);
	return status;
}
