/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESCRIPTORS_H
#define EPHEMERA_DESCRIPTORS_H

/*
 * Finds the descriptors of processes that refer to a socket. The kernel needs about 5 us for each,
 * so a few threads share the work.
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
	bool late;	      /* the deadline passed before all were read */
	unsigned unreadable;  /* processes that we may not read */
};

/*
 * Searches the processes pids for descriptors of the sockets inodes, which must be sorted, and adds
 * them to holdings. A process that has ended has none. Stops at deadline (CLOCK_MONOTONIC), if not
 * NULL. Returns 0 or -ENOMEM.
 */
int descriptors_scan(const char *procfs, const int *pids, size_t pids_length,
    const uint32_t *inodes, size_t inodes_length, const struct timespec *deadline,
    struct holdings *holdings);

#endif
