// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/kernel/clock.h"
#include "collectors/kernel/grow.h"
#include "collectors/kernel/procfs.h"

/* A process can have any number of descriptors for one socket. */
#define HOLDINGS_MAX 65536u

/* More threads would only contend for the locks behind /proc. */
#define THREADS_MAX 4

#define DESCRIPTORS_PER_CHECK 1024

struct scan {
	const char *procfs;
	const int *pids;
	size_t pids_length;
	const uint32_t *inodes;
	size_t inodes_length;
	const struct timespec *deadline;
	atomic_size_t next; /* of pids */
};

struct worker {
	struct scan *scan;
	struct holdings found;
	int error;
	pthread_t thread;
};

static int compare_inodes(const void *a, const void *b)
{
	const uint32_t first = *(const uint32_t *)a;
	const uint32_t second = *(const uint32_t *)b;

	return first < second ? -1 : first > second;
}

static int add_holding(struct holdings *found, struct holding holding)
{
	const size_t length = found->length;

	if (length == HOLDINGS_MAX) {
		found->truncated = true;
		return 0;
	}

	struct holding *grown = grow_for_one(found->list, length, sizeof(*found->list));

	if (!grown)
		return -ENOMEM;
	found->list = grown;
	found->list[found->length++] = holding;
	return 0;
}

/* "socket:[12345]" is how /proc/PID/fd names a socket (sockfs_dname() in net/socket.c). */
static bool parse_link(const char *link, size_t length, uint32_t *ret_inode)
{
	static const char prefix[] = "socket:[";
	const size_t start = sizeof(prefix) - 1;
	uint64_t inode = 0;

	if (length < start + 2 || memcmp(link, prefix, start) != 0 || link[length - 1] != ']')
		return false;
	for (size_t i = start; i < length - 1; i++) {
		if (link[i] < '0' || link[i] > '9')
			return false;
		inode = inode * 10 + (uint64_t)(link[i] - '0');
		if (inode > UINT32_MAX)
			return false;
	}
	*ret_inode = (uint32_t)inode;
	return true;
}

static bool is_late(const struct scan *scan)
{
	const struct timespec now = clock_now();

	return scan->deadline && clock_is_past(scan->deadline, &now);
}

static int scan_directory(struct worker *worker, int pid, DIR *directory)
{
	const struct scan *scan = worker->scan;
	const struct dirent *entry;
	unsigned looked_at = 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this stream */
	while ((entry = readdir(directory))) {
		const int fd = procfs_number(entry->d_name);
		char link[64];
		uint32_t inode;

		if (fd < 0)
			continue;
		if (++looked_at % DESCRIPTORS_PER_CHECK == 0 && is_late(scan)) {
			worker->found.late = true;
			return 0;
		}

		const ssize_t length =
		    readlinkat(dirfd(directory), entry->d_name, link, sizeof(link));

		/* Some capabilities let us list descriptors whose targets stay hidden. */
		if (length < 0 && (errno == EACCES || errno == EPERM)) {
			worker->found.unreadable++;
			return 0;
		}
		if (length <= 0 || !parse_link(link, (size_t)length, &inode) ||
		    !bsearch(
			&inode, scan->inodes, scan->inodes_length, sizeof(inode), compare_inodes))
			continue;

		const int result = add_holding(&worker->found, (struct holding){inode, pid, fd});

		if (result < 0)
			return result;
	}
	return 0;
}

static int scan_process(struct worker *worker, int pid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/fd", worker->scan->procfs, pid);

	DIR *directory = opendir(path);

	if (!directory) {
		if (errno == ENOMEM)
			return -ENOMEM;
		/* A process that has ended has nothing open. */
		if (errno != ENOENT && errno != ESRCH)
			worker->found.unreadable++;
		return 0;
	}

	const int result = scan_directory(worker, pid, directory);

	closedir(directory);
	return result;
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct scan *scan = worker->scan;

	for (;;) {
		const size_t i = atomic_fetch_add(&scan->next, 1);

		if (i >= scan->pids_length || worker->error < 0)
			return NULL;
		if (is_late(scan)) {
			worker->found.late = true;
			return NULL;
		}
		worker->error = scan_process(worker, scan->pids[i]);
	}
}

/* Moves what found has to holdings. */
static int merge(struct holdings *holdings, struct holdings *found)
{
	int result = 0;

	for (size_t i = 0; i < found->length && result == 0; i++)
		result = add_holding(holdings, found->list[i]);
	holdings->truncated = holdings->truncated || found->truncated;
	holdings->late = holdings->late || found->late;
	holdings->unreadable += found->unreadable;
	free(found->list);
	return result;
}

static size_t threads_for(size_t pids)
{
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t threads = processors > 0 ? (size_t)processors : 1;

	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	return threads < pids ? threads : pids;
}

int descriptors_scan(const char *procfs, const int *pids, size_t pids_length,
    const uint32_t *inodes, size_t inodes_length, const struct timespec *deadline,
    struct holdings *holdings)
{
	struct scan scan = {procfs, pids, pids_length, inodes, inodes_length, deadline, 0};
	struct worker workers[THREADS_MAX] = {{0}};
	const size_t wanted = threads_for(pids_length);
	size_t started = 1; /* this thread is one of them */
	int result = 0;

	if (wanted == 0 || inodes_length == 0)
		return 0;
	for (size_t i = 0; i < wanted; i++)
		workers[i].scan = &scan;
	/* If a thread cannot be started, the others do its work. */
	while (started < wanted &&
	       pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
		started++;
	work(&workers[0]);
	for (size_t i = 1; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	for (size_t i = 0; i < started; i++) {
		const int merged = merge(holdings, &workers[i].found);

		if (result == 0)
			result = workers[i].error < 0 ? workers[i].error : merged;
	}
	return result;
}
