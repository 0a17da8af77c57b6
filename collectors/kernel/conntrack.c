// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/conntrack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/kernel/conntrack_netlink.h"
#include "collectors/kernel/conntrack_table.h"
#include "collectors/kernel/procfs.h"

/* The kernel hands out a page at a time; the longest line, of IPv6 with labels, has some 500. */
#define BUFFER 65536

#define BY_TABLE "bpf"
#define BY_FILE "proc"
#define BY_NETLINK "netlink"

struct conntrack {
	int file;		       /* -1: netlink is asked, and there is no buffer */
	struct conntrack_table *table; /* NULL: the file's lines are read */
	const char *procfs;
	const char *source; /* of the last walk */
	char buffer[];	    /* BUFFER bytes */
};

bool conntrack_is_translated(const struct conntrack_entry *entry)
{
	return entry->original.source_port != entry->reply.destination_port ||
	       memcmp(&entry->original.source, &entry->reply.destination,
		   sizeof(entry->original.source)) != 0;
}

int conntrack_open(const char *procfs, struct conntrack **ret_conntrack)
{
	struct conntrack *conntrack;
	char path[PATH_MAX];
	int file;

	if (snprintf(path, sizeof(path), "%s/net/nf_conntrack", procfs) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	conntrack = malloc(sizeof(*conntrack) + BUFFER);
	if (!conntrack) {
		close(file);
		return -ENOMEM;
	}
	conntrack->file = file;
	conntrack->table = NULL;
	conntrack->source = BY_FILE;
	conntrack->procfs = procfs;
	*ret_conntrack = conntrack;
	return 0;
}

int conntrack_open_netlink(struct conntrack **ret_conntrack)
{
	const int result = conntrack_netlink_stats(NULL, 0);
	struct conntrack *conntrack;

	if (result < 0)
		return result;
	conntrack = malloc(sizeof(*conntrack));
	if (!conntrack)
		return -ENOMEM;
	conntrack->file = -1;
	conntrack->table = NULL;
	conntrack->source = BY_NETLINK;
	*ret_conntrack = conntrack;
	return 0;
}

void conntrack_close(struct conntrack *conntrack)
{
	if (!conntrack)
		return;
	conntrack_table_close(conntrack->table);
	if (conntrack->file >= 0)
		close(conntrack->file);
	free(conntrack);
}

int conntrack_use_table(struct conntrack *conntrack, const char **ret_reason)
{
	const int result = conntrack_table_open(conntrack->file, &conntrack->table, ret_reason);

	if (result == 0)
		conntrack->source = BY_TABLE;
	return result;
}

const char *conntrack_source(const struct conntrack *conntrack)
{
	return conntrack->source;
}

/* Whatever happens to the table, the file is there. But who visits says when it ends. */
struct visitor {
	int (*visit)(void *context, const struct conntrack_entry *entry);
	void *context;
	int result;
};

static int visit_for(void *context, const struct conntrack_entry *entry)
{
	struct visitor *visitor = context;

	visitor->result = visitor->visit(visitor->context, entry);
	return visitor->result;
}

/* Returns whether it is done; and then in ret_result what the walk returns. */
static bool walk_table(const struct conntrack *conntrack,
    int (*visit)(void *context, const struct conntrack_entry *entry), void (*forget)(void *context),
    void *context, int *ret_result)
{
	struct visitor visitor = {visit, context, 0};
	const int result = conntrack_table_walk(conntrack->table, visit_for, &visitor);

	*ret_result = visitor.result;
	if (visitor.result < 0 || result == 0)
		return true;
	forget(context);
	return false;
}

/* Hands on the whole lines of the buffer. Returns how many bytes they have, or -errno. */
static ssize_t visit_lines(const char *text, size_t length,
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context)
{
	const char *line = text;
	const char *newline;

	while ((newline = memchr(line, '\n', length - (size_t)(line - text)))) {
		struct conntrack_entry entry;
		int result = conntrack_parse(line, (size_t)(newline - line), &entry);

		if (result > 0)
			result = visit(context, &entry);
		if (result < 0)
			return result;
		line = newline + 1;
	}
	return line - text;
}

static int walk_file(struct conntrack *conntrack,
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context)
{
	char *buffer = conntrack->buffer;
	size_t length = 0;

	if (lseek(conntrack->file, 0, SEEK_SET) < 0)
		return -errno;
	for (;;) {
		const ssize_t got = read(conntrack->file, buffer + length, BUFFER - length);
		ssize_t used;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return length ? -EBADMSG : 0;
		length += (size_t)got;
		used = visit_lines(buffer, length, visit, context);
		if (used < 0)
			return (int)used;
		length -= (size_t)used;
		/* A line without an end. */
		if (length == BUFFER)
			return -EBADMSG;
		memmove(buffer, buffer + used, length);
	}
}

/* Both have the entries of all namespaces to pass over. */
static bool is_empty(const struct conntrack *conntrack)
{
	int entries;

	return procfs_read_number(
		   conntrack->procfs, "sys/net/netfilter/nf_conntrack_count", &entries) == 0 &&
	       entries == 0;
}

int conntrack_walk(struct conntrack *conntrack,
    int (*visit)(void *context, const struct conntrack_entry *entry), void (*forget)(void *context),
    void *context)
{
	int result;

	if (conntrack->file < 0)
		return conntrack_netlink_walk(visit, context);
	conntrack->source = conntrack->table ? BY_TABLE : BY_FILE;
	if (is_empty(conntrack))
		return 0;
	if (conntrack->table && walk_table(conntrack, visit, forget, context, &result))
		return result;
	conntrack->source = BY_FILE;
	return walk_file(conntrack, visit, context);
}
