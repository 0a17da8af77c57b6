// SPDX-License-Identifier: Apache-2.0
/*
 * ephemera-walks WALKS CONNECTIONS FIRST PORTS: walks the connections of this network namespace by
 * BPF so often. Of CONNECTIONS to the ports from FIRST on, which stand still, each end must be
 * found once in every walk. Prints a line a walk:
 *
 *   standing DISTINCT twice DOUBLE time_wait WALKED before BEFORE after AFTER opened OPENED ms MS
 *
 * time_wait is what the walk found; before and after are the kernel's own count around it; opened
 * is how many connections were opened meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/mib.h"
#include "collectors/kernel/procfs.h"
#include "collectors/kernel/walk.h"

#define MAX_PORTS 64
#define EXIT_FAILED 2

struct standing {
	unsigned first;
	unsigned ports;
	unsigned long ends;
	/* For each of the ports, and each side of a connection: the ports of its clients. */
	struct portset seen[MAX_PORTS][2];
	unsigned long distinct;
	unsigned long twice;
	unsigned long time_wait;
};

/* The kernel's own counts. */
struct counts {
	unsigned long time_wait;
	unsigned long opened;
};

static void note_end(struct standing *standing, unsigned server, int side, uint16_t client)
{
	struct portset *seen = &standing->seen[server - standing->first][side];

	if (portset_has(seen, client))
		standing->twice++;
	else
		standing->distinct++;
	portset_add(seen, client);
}

static bool is_theirs(const struct standing *standing, unsigned port)
{
	return port >= standing->first && port < standing->first + standing->ports;
}

static int observe(void *context, const struct socket *socket)
{
	struct standing *standing = context;

	/* Whatever the kernel keeps as TIME_WAIT, so FIN_WAIT2 that no process has, too. */
	standing->time_wait += socket->tells_timestamps;
	if (socket->state != SOCKET_ESTABLISHED)
		return 0;
	if (is_theirs(standing, socket->remote_port))
		note_end(standing, socket->remote_port, 0, socket->local_port);
	else if (is_theirs(standing, socket->local_port))
		note_end(standing, socket->local_port, 1, socket->remote_port);
	return 0;
}

static bool read_counts(struct counts *ret_counts)
{
	struct mib_counter opened[] = {
	    {.group = "Tcp", .name = "ActiveOpens"},
	    {.group = "Tcp", .name = "PassiveOpens"},
	};
	char text[1024 + 2];
	size_t length;
	const char *at;

	if (procfs_read_into("/proc/self", "net/sockstat", sizeof(text) - 2, text, &length) < 0)
		return false;
	at = strstr(text, " tw ");
	if (!at || mib_read("/proc/self", "snmp", opened, 2) < 0)
		return false;
	ret_counts->time_wait = strtoul(at + 4, NULL, 10);
	/* Both ends are in this namespace. */
	ret_counts->opened = (unsigned long)(opened[0].value + opened[1].value) / 2;
	return true;
}

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Returns 0; 1 if it was not exact; or -errno. */
static int walk_once(struct walk *walk, struct standing *standing)
{
	const struct walk_sink sink = {observe, NULL, standing};
	struct counts before;
	struct counts after;
	double begun;
	int result;

	memset(standing->seen, 0, sizeof(standing->seen));
	standing->distinct = standing->twice = standing->time_wait = 0;
	if (!read_counts(&before))
		return -EIO;
	begun = milliseconds();
	result = walk_list(walk, WALK_CONNECTED, NULL, &sink);
	begun = milliseconds() - begun;
	if (result < 0)
		return result;
	if (!read_counts(&after))
		return -EIO;
	printf("standing %lu twice %lu time_wait %lu before %lu after %lu opened %lu ms %.1f\n",
	    standing->distinct, standing->twice, standing->time_wait, before.time_wait,
	    after.time_wait, after.opened - before.opened, begun);
	fflush(stdout);
	return standing->distinct != standing->ends || standing->twice;
}

static int run(struct standing *standing, unsigned long walks)
{
	const char *reason;
	struct walk *walk;
	int result = walk_open(&walk, &reason);
	int wrong = 0;

	if (result < 0) {
		fprintf(stderr, "ephemera-walks: %s\n", reason);
		return result;
	}
	for (unsigned long i = 0; i < walks && result >= 0; i++) {
		result = walk_once(walk, standing);
		wrong |= result > 0;
	}
	if (result < 0)
		fprintf(stderr, "ephemera-walks: %s\n", strerror(-result));
	walk_close(walk);
	return result < 0 ? result : wrong;
}

int main(int argc, char **argv)
{
	static struct standing standing;

	if (argc != 5)
		return EXIT_FAILED;
	standing.ends = 2 * strtoul(argv[2], NULL, 10);
	standing.first = (unsigned)strtoul(argv[3], NULL, 10);
	standing.ports = (unsigned)strtoul(argv[4], NULL, 10);
	if (standing.ports > MAX_PORTS)
		return EXIT_FAILED;

	const int result = run(&standing, strtoul(argv[1], NULL, 10));

	return result < 0 ? EXIT_FAILED : result;
}
