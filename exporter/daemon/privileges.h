/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PRIVILEGES_H
#define EPHEMERA_PRIVILEGES_H

/* Gives up the privileges that the daemon does not need once it listens. */

#include <stdbool.h>
#include <sys/types.h>

#define PRIVILEGES_USER_SIZE 64
#define PRIVILEGES_KEPT_SIZE 256

/* Features that need more than an ordinary user's rights, or'ed. */
enum privileges_feature {
	PRIVILEGES_HOLDERS = 1 << 0,   /* the API shows which processes hold a port */
	PRIVILEGES_NET_ADMIN = 1 << 1, /* a collector asks netfilter by netlink */
};

struct privileges_options {
	const char *user;  /* the user that root becomes: a name or a number */
	unsigned features; /* enum privileges_feature */
};

/* The result, for the log. */
struct privileges_report {
	char user[PRIVILEGES_USER_SIZE]; /* the user that the process now is: a name or a number */
	char kept[PRIVILEGES_KEPT_SIZE]; /* "none", or capabilities and what each is for */
	const char *refused;		 /* the call that failed, so that root stayed; or NULL */
	int error;			 /* of that call: -errno */
	bool is_bounded; /* the bounding set is empty; root and CAP_SETPCAP empty it */
};

/*
 * Call it before the first thread. Root becomes options->user, without supplementary groups; if
 * that is refused (no CAP_SETUID, a user namespace without another user) it stays root, and the
 * report says so. Only permitted capabilities that a feature needs remain; the inheritable, the
 * ambient and, if allowed, the bounding set become empty. From then on no program can give the
 * process new privileges, and no other process of its user can trace it.
 *
 * Returns 0, -ENOENT if there is no such user, or another -errno. After an error part of it may be
 * done.
 */
int privileges_drop(const struct privileges_options *options, struct privileges_report *ret_report);

/*
 * Finds a user by name or by number. The group is that user's; if no user has the number, the group
 * of the same number. Returns 0, -ENOENT or another -errno.
 */
int privileges_find_user(const char *text, uid_t *ret_uid, gid_t *ret_gid);

#endif
