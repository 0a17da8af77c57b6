/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_SANDBOX_ATTEMPTS_H
#define EPHEMERA_UNIT_SANDBOX_ATTEMPTS_H

/*
 * The filter by what the kernel does under it: each call in a process of its own, which enters
 * the sandbox first.
 */

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "exporter/daemon/sandbox.h"
#include "workspace.h"

/* Exit statuses of a child; a program that it became, or a fork of it, has another. */
enum { REFUSED = 40, DONE, FAILED_OTHERWISE, NO_SANDBOX };

/* Made before the child enters the sandbox. */
extern struct sandbox_at_hand {
	struct workspace workspace;
	char file[PATH_MAX + 8];
	char other[PATH_MAX + 8]; /* where nothing is */
	char fifo[PATH_MAX + 8];
	struct sockaddr_un log;	    /* of a datagram socket that anybody may send to */
	struct sockaddr_un nowhere; /* a path where nothing is */
	int tcp;		    /* listens, on a port of its own */
	int netlink;
	int log_fd;
	int notify[2]; /* unix datagrams, connected to each other */
	int pair[2];   /* unix, connected */
	int fd;	       /* of file, for reading and writing */
	void *page;    /* writable */
	pid_t parent;  /* not of our process */
} at_hand;

extern struct iovec vector; /* a byte */
extern struct msghdr to_log;

/* A sanitizer's runtime needs the call: allowed in such a build. */
#define LOOSE 1u
/* The kernel may refuse it in the same words without the sandbox, or it ends the test. */
#define ONLY_INSIDE 2u

struct attempt {
	const char *name;
	long (*try)(void); /* -1 and errno, as system calls do */
	int error;	   /* wanted; 0: the call has to succeed */
	unsigned flags;
};

#define TRY(name, expression)        \
	static long try_##name(void) \
	{                            \
		return (expression); \
	}

/* The status that waitpid() tells of an attempt in a child. */
int try_in_child(const struct attempt *attempt, const struct sandbox_options *options);

/* How many children end otherwise than with wanted; says which. */
unsigned count_wrong(const struct attempt *attempts, size_t length, int wanted);

int make_what_is_at_hand(void **state);
int remove_what_was_at_hand(void **state);

/*
 * The exit status of a program that cannot run the tests, or -1: SKIPPED if the kernel has no
 * seccomp; "--strict" fails where this build lets a sanitizer have more.
 */
int sandbox_hindrance(int argc, char **argv);

#endif
