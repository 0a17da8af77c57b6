/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PROCESSES_H
#define EPHEMERA_PROCESSES_H

/*
 * Finds the processes that have a socket open. The kernel has no list of them: each descriptor of a
 * process must be read. So first it finds the processes that may have the socket.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/descriptors.h"

#define PROCESS_NAME_SIZE 64
#define PROCESS_COMMAND_MAX 4096 /* bytes of a command line that are kept */

struct process {
	int pid;
	char name[PROCESS_NAME_SIZE]; /* of its first thread; may have any bytes */
	char *command; /* arguments with a blank in between; NULL: none, or not readable */
};

struct process_search {
	size_t processes_length;
	struct process *processes; /* those in holdings, sorted by pid */
	struct holdings holdings;  /* sorted by inode, pid, descriptor */
	bool whole;		   /* every process was searched, not only those of the cgroups */
};

struct socket_identity {
	uint32_t inode;	    /* not 0 */
	uint64_t cgroup_id; /* as in struct socket; 0: unknown */
};

struct process_search_options {
	const char *procfs;
	struct cgroups *cgroups; /* may be NULL */
	bool everyone;		 /* search every process at once */
	double seconds;		 /* time limit; 0: none */
};

/*
 * Finds the processes that have one of these sockets open: first in the cgroups that the sockets
 * were opened in, without reading the descriptors of other cgroups. It searches every process if a
 * socket is not found there, if only process 1 has it (it opens sockets for services that it starts
 * later), or if `everyone` is set. Only then it finds a process of another cgroup that got the
 * socket from its opener.
 *
 * Counts processes whose descriptors it may not read (that needs the same user or CAP_SYS_PTRACE).
 * Returns 0 or -errno; the caller frees the result with process_search_free().
 */
int process_search(const struct process_search_options *options,
    const struct socket_identity *sockets, size_t length, struct process_search **ret_search);
void process_search_free(struct process_search *search); /* NULL is fine */

/* Whether all processes that have the sockets were found. */
bool process_search_is_complete(const struct process_search *search);

/* The process with that pid, which must be in the holdings. */
const struct process *process_search_find(const struct process_search *search, int pid);

/* The first holding with that inode, or NULL; the others follow it. */
const struct holding *process_search_holdings(
    const struct process_search *search, uint32_t inode, size_t *ret_length);

#endif
