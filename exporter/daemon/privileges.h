/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PRIVILEGES_H
#define EPHEMERA_PRIVILEGES_H

/* Gives up what the serving daemon needs no more once it listens. */

#include <sys/types.h>

#define PRIVILEGES_USER_SIZE 64
#define PRIVILEGES_KEPT_SIZE 256

/* What needs more than any user may, or'ed. */
enum privileges_feature {
	PRIVILEGES_HOLDERS = 1 << 0, /* the API tells which processes hold a port */
};

struct privileges_options {
	const char *user;  /* whom root becomes: a name or a number */
	unsigned features; /* enum privileges_feature */
};

/* What came of it, for the log. */
struct privileges_report {
	char user[PRIVILEGES_USER_SIZE]; /* who the process is now: a name, else a number */
	char kept[PRIVILEGES_KEPT_SIZE]; /* "none", or capabilities with what each is for */
	const char *refused;		 /* NULL, or the call that did not let root become user */
	int error;			 /* of that call: -errno */
};

/*
 * Before the first thread is started. Root becomes options->user, without any supplementary
 * group; where that is refused (no CAP_SETUID, a user namespace that has no other user) it
 * stays root, which the report tells. Of the capabilities permitted to the process those
 * remain that a feature needs; the inheritable, ambient and, where that is allowed, bounding
 * sets become empty. From then on no program gives new privileges to the process, and no
 * other process of its user may look into it.
 *
 * Returns 0, -ENOENT where there is no such user, or another -errno. After an error some of
 * it may have been done.
 */
int privileges_drop(const struct privileges_options *options, struct privileges_report *ret_report);

/*
 * The user that text stands for: a number, with the group of that user or, where nobody has
 * the number, the group of the same number; or a name. Returns 0, -ENOENT or another -errno.
 */
int privileges_find_user(const char *text, uid_t *ret_uid, gid_t *ret_gid);

#endif
