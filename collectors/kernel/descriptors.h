/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESCRIPTORS_H
#define EPHEMERA_DESCRIPTORS_H

/*
 * Which descriptors of which processes refer to a socket. Each one takes the kernel about
 * 5 us to tell, so a few threads share the processes among them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A descriptor that refers to a socket. */
struct holding {
	uint32_t inode; /* of the socket */
	int pid;
	int fd;
};

struct holdings {
	size_t length;
	struct holding *list; /* in no order; the owner frees it */
	bool truncated;	      /* there were too many to keep */
	bool late;	      /* the deadline passed before all were looked at */
	unsigned unreadable;  /* processes that were not ours to look at */
};

/*
 * Looks at the processes of pids for descriptors of the sockets in inodes, which are in
 * order, and adds what it finds to holdings. A process that has ended has none. It gives up
 * at deadline (CLOCK_MONOTONIC), where that is not NULL.
 * Returns 0 or -ENOMEM.
 */
int descriptors_scan(const char *procfs, const int *pids, size_t pids_length,
    const uint32_t *inodes, size_t inodes_length, const struct timespec *deadline,
    struct holdings *holdings);

#endif
