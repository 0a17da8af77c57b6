/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BASIC_AUTH_H
#define EPHEMERA_BASIC_AUTH_H

/* Reads the name and the password of an Authorization header: HTTP's scheme Basic, RFC 7617. */

#include <stddef.h>

/* Both are strings without control characters, so that their ends are where the client put them. */
struct basic_auth {
	char *name; /* owns both */
	char *password;
	size_t size; /* of both, with their zero bytes */
};

/*
 * Reads a header's value, length bytes that need not end with a zero byte. Strict, except that the
 * scheme has no case and that blanks may surround the value: the base64 has its padding and no
 * other character, and what it says has a colon. Returns 0, then the caller releases ret_auth;
 * -EINVAL; or -ENOMEM.
 */
int basic_auth_read(const char *value, size_t length, struct basic_auth *ret_auth);

/* Overwrites, then frees. */
void basic_auth_release(struct basic_auth *auth);

#endif
