// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/walk_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/mib.h"
#include "collectors/kernel/own_sockets.h"
#include "collectors/kernel/procfs.h"
#include "collectors/kernel/source.h"

#define ATTEMPTS 5
#define PAUSE_NS 20000000L

typedef unsigned long tally[SOCKET_PROTOCOLS][SOCKET_FAMILIES][SOCKET_STATES];

/* One look by one source. */
struct look {
	tally counts;
	unsigned long abandoned; /* FIN_WAIT2 without a socket; only the walk tells */
	struct own_sockets *own; /* NULL: not looked for */
};

struct check {
	struct walk *walk;
	const char *procfs;
	struct own_sockets own;
	struct look before;
	struct look walked;
	struct look after;
	unsigned long opened[2]; /* TCP connections until before, and until after */
	bool sees_bound_only;	 /* sock_diag does */
};

static int note(void *context, const struct socket *socket)
{
	struct look *look = context;

	look->counts[socket->protocol][socket->family][socket->state]++;
	/* The kernel keeps it as it keeps TIME_WAIT, which alone tells of timestamps. */
	look->abandoned += socket->state == SOCKET_FIN_WAIT2 && socket->tells_timestamps;
	if (look->own)
		own_sockets_note(look->own, socket);
	return 0;
}

static int look_by_walk(struct check *check)
{
	const struct walk_sink sink = {.observe = note, .context = &check->walked};
	int result = 0;

	memset(&check->walked, 0, sizeof(check->walked));
	own_sockets_forget(&check->own);
	check->walked.own = &check->own;
	for (enum walk_table table = 0; table < WALK_TABLES && result == 0; table++)
		if (table != WALK_UDP || walk_has_udp(check->walk))
			result = walk_list(check->walk, table, NULL, &sink);
	return result;
}

static int look_by_dump(struct check *check, struct source *source, struct look *look)
{
	static const enum listing listings[] = {
	    LISTING_TCP_LISTEN, LISTING_TCP, LISTING_UDP4, LISTING_UDP6};
	const struct source_observer observer = {note, NULL, look};
	int result = 0;

	memset(look, 0, sizeof(*look));
	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]) && result == 0; i++)
		if (listing_protocol(listings[i]) == SOCKET_TCP || walk_has_udp(check->walk))
			result = source_list(source, listings[i], &observer);
	return result;
}

/* How many TCP connections were opened in this namespace, from either side. */
static unsigned long read_opened(const char *procfs)
{
	struct mib_counter counters[] = {
	    {.group = "Tcp", .name = "ActiveOpens"},
	    {.group = "Tcp", .name = "PassiveOpens"},
	};

	return mib_read(procfs, "snmp", counters, 2) < 0
		   ? 0
		   : (unsigned long)(counters[0].value + counters[1].value);
}

static unsigned long distance(unsigned long value, unsigned long one, unsigned long other)
{
	const unsigned long low = one < other ? one : other;
	const unsigned long high = one < other ? other : one;

	return value < low ? low - value : value > high ? value - high : 0;
}

static unsigned long difference(unsigned long a, unsigned long b)
{
	return a < b ? b - a : a - b;
}

/*
 * By how many sockets the walk may be wrong, because so many came or went between the dumps. UDP
 * sockets that did both leave no trace: a quarter of them, if any moved at all.
 */
static unsigned long slack_of(const struct check *check, enum socket_protocol protocol)
{
	unsigned long moved = protocol == SOCKET_TCP ? check->opened[1] - check->opened[0] : 0;
	unsigned long all = 0;

	for (int family = 0; family < SOCKET_FAMILIES; family++) {
		for (int state = 0; state < SOCKET_STATES; state++) {
			const unsigned long before = check->before.counts[protocol][family][state];
			const unsigned long after = check->after.counts[protocol][family][state];

			moved += difference(before, after);
			all += after;
		}
	}
	return protocol == SOCKET_UDP && moved ? moved + all / 4 : moved;
}

static bool is_told(const struct check *check, enum socket_state state)
{
	return state != SOCKET_BOUND || check->sees_bound_only;
}

static bool agrees(const struct check *check)
{
	for (enum socket_protocol protocol = 0; protocol < SOCKET_PROTOCOLS; protocol++) {
		const unsigned long slack = slack_of(check, protocol);

		if (protocol == SOCKET_UDP && !walk_has_udp(check->walk))
			continue;
		for (int family = 0; family < SOCKET_FAMILIES; family++)
			for (enum socket_state state = 0; state < SOCKET_STATES; state++)
				if (is_told(check, state) &&
				    distance(check->walked.counts[protocol][family][state],
					check->before.counts[protocol][family][state],
					check->after.counts[protocol][family][state]) > slack)
					return false;
	}
	return true;
}

static int compare_with_dumps(struct check *check, struct source *source)
{
	check->opened[0] = read_opened(check->procfs);

	int result = look_by_dump(check, source, &check->before);

	check->sees_bound_only = source_sees_bound_only(source);
	if (result == 0)
		result = look_by_walk(check);
	if (result == 0)
		result = look_by_dump(check, source, &check->after);
	check->opened[1] = read_opened(check->procfs);
	return result < 0 ? result : agrees(check) ? 0 : -EBADE;
}

/* "TCP: inuse 12 orphan ..." Returns whether it is there. */
static bool read_in_use(
    const char *procfs, const char *file, const char *field, unsigned long *ret_number)
{
	char text[1024 + 2];
	size_t length;
	const char *at;

	if (procfs_read_into(procfs, file, sizeof(text) - 2, text, &length) < 0)
		return false;
	at = strstr(text, field);
	if (!at)
		return false;
	*ret_number = strtoul(at + strlen(field), NULL, 10);
	return true;
}

/*
 * TCP sockets that listen or are connected, without SYN_RECV, TIME_WAIT, and FIN_WAIT2 that no
 * process has any more; -1: not known.
 */
static long read_tcp_in_use(const char *procfs)
{
	unsigned long ipv4;
	unsigned long ipv6 = 0;

	if (!read_in_use(procfs, "net/sockstat", "TCP: inuse ", &ipv4))
		return -1;
	/* A kernel without IPv6 has no such file. */
	(void)!read_in_use(procfs, "net/sockstat6", "TCP6: inuse ", &ipv6);
	return (long)(ipv4 + ipv6);
}

static unsigned long count_in_use(const struct look *look)
{
	unsigned long count = 0;

	for (int family = 0; family < SOCKET_FAMILIES; family++)
		for (enum socket_state state = 0; state < SOCKET_STATES; state++)
			if (state != SOCKET_TIME_WAIT && state != SOCKET_SYN_RECV &&
			    state != SOCKET_BOUND)
				count += look->counts[SOCKET_TCP][family][state];
	return count - look->abandoned;
}

static bool same_listeners(const struct check *check)
{
	for (int family = 0; family < SOCKET_FAMILIES; family++)
		if (check->before.counts[SOCKET_TCP][family][SOCKET_LISTEN] !=
		    check->walked.counts[SOCKET_TCP][family][SOCKET_LISTEN])
			return false;
	return true;
}

/* The totals change while the tables are walked. Listeners cost sock_diag no walk of the table. */
static int compare_with_totals(struct check *check, struct source *source)
{
	const struct source_observer observer = {note, NULL, &check->before};
	const long before = read_tcp_in_use(check->procfs);
	unsigned long slack;
	long after;
	int result;

	memset(&check->before, 0, sizeof(check->before));
	result = source_list(source, LISTING_TCP_LISTEN, &observer);
	if (result == 0)
		result = look_by_walk(check);
	if (result < 0)
		return result;
	after = read_tcp_in_use(check->procfs);
	if (!same_listeners(check))
		return -EBADE;
	if (before < 0 || after < 0)
		return 0;
	slack = difference((unsigned long)before, (unsigned long)after) +
		(unsigned long)(before > after ? before : after) / 16 + 16;
	return distance(count_in_use(&check->walked), (unsigned long)before, (unsigned long)after) >
		       slack
		   ? -EBADE
		   : 0;
}

static int compare(struct check *check, struct source *source, bool thorough)
{
	const struct timespec pause = {0, PAUSE_NS};
	int result = -EBADE;

	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		if (attempt)
			nanosleep(&pause, NULL);
		result = thorough ? compare_with_dumps(check, source)
				  : compare_with_totals(check, source);
		if (result == 0 && !own_sockets_all_once(&check->own, walk_has_udp(check->walk)))
			result = -EBADE;
		if (result != -EBADE && result != -EINTR && result != -ENOBUFS)
			break;
	}
	return result;
}

static const char *reason_of(int result)
{
	switch (result) {
	case -EBADE:
		return "it does not find what the kernel says that there is";
	case -ENOBUFS:
		return "the kernel's tables change too fast";
	default:
		return "it cannot be compared with sock_diag";
	}
}

static int run(struct check *check, bool thorough)
{
	const struct source_options options = {.procfs = check->procfs, .kind = SOURCE_SOCK_DIAG};
	struct source *source;
	int result = source_open(&options, &source);

	if (result < 0)
		return result;
	own_sockets_open(&check->own, check->procfs, thorough);
	result = compare(check, source, thorough);
	own_sockets_close(&check->own);
	source_close(source);
	return result;
}

int walk_check(struct walk *walk, const char *procfs, bool thorough, const char **ret_reason)
{
	struct check *check = calloc(1, sizeof(*check));
	int result = -ENOMEM;

	if (check) {
		check->walk = walk;
		check->procfs = procfs;
		result = run(check, thorough);
		free(check);
	}
	if (result < 0)
		*ret_reason = reason_of(result);
	return result;
}
