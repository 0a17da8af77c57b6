/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PROCESSES_H
#define EPHEMERA_PROCESSES_H

/*
 * Which processes have a socket open. The kernel does not tell: each descriptor of each
 * process that might has to be looked at, so it is asked first which processes might.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/descriptors.h"

#define PROCESS_NAME_SIZE 64
#define PROCESS_COMMAND_MAX 4096 /* of a command line, what is kept */

struct process {
	int pid;
	char name[PROCESS_NAME_SIZE]; /* of its first thread; whatever bytes it chose */
	char *command; /* arguments with a blank in between; NULL: none, or not to be read */
};

struct process_search {
	size_t processes_length;
	struct process *processes; /* whoever is in holdings, in the order of their pids */
	struct holdings holdings;  /* in the order of inode, pid, descriptor */
	bool whole;		   /* every process was looked at, not only those of the cgroups */
};

struct socket_identity {
	uint32_t inode;	    /* not 0 */
	uint64_t cgroup_id; /* as in struct socket; 0: unknown */
};

struct process_search_options {
	const char *procfs;
	struct cgroups *cgroups; /* may be NULL */
	bool everyone;		 /* look at every process at once */
	double seconds;		 /* after which it is given up; 0: never */
};

/*
 * Looks for whoever has one of these sockets open: first in the cgroups that they were
 * opened in, which costs nothing of the descriptors of other cgroups. Every process is
 * looked at where a socket is not found so, where only process 1 has it, which opens
 * sockets for services that it starts later, or where everyone asks for it. A process of
 * another cgroup that was handed a socket is found only then.
 *
 * Processes whose descriptors may not be read (that takes the same user, or CAP_SYS_PTRACE)
 * are counted.
 * Returns 0 or -errno; the caller frees what it got with process_search_free().
 */
int process_search(const struct process_search_options *options,
    const struct socket_identity *sockets, size_t length, struct process_search **ret_search);
void process_search_free(struct process_search *search); /* NULL is fine */

/* Whether whoever was found is all there is. */
bool process_search_is_complete(const struct process_search *search);

/* The process of that pid, which must be one of the holdings'. */
const struct process *process_search_find(const struct process_search *search, int pid);

/* The first holding of that inode, or NULL; the rest follow it. */
const struct holding *process_search_holdings(
    const struct process_search *search, uint32_t inode, size_t *ret_length);

#endif
