/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DIGEST_H
#define EPHEMERA_DIGEST_H

/* HMAC-SHA-256. digest.c is the only file that includes gnutls/crypto.h. */

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SIZE 32

struct digest {
	unsigned char bytes[DIGEST_SIZE];
};

/* A random key, of this process only. Returns 0 or -EIO. */
int digest_make_key(struct digest *ret_key);

/* Returns 0 or -EIO. */
int digest_make(
    const struct digest *key, const void *data, size_t length, struct digest *ret_digest);

/* Whether both hold the same bytes; takes the same time if they differ. */
bool digest_equal(const void *a, const void *b, size_t length);

#endif
