// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/digest.h"

#include <errno.h>
#include <gnutls/crypto.h>

int digest_make_key(struct digest *ret_key)
{
	return gnutls_rnd(GNUTLS_RND_KEY, ret_key->bytes, sizeof(ret_key->bytes)) < 0 ? -EIO : 0;
}

int digest_make(
    const struct digest *key, const void *data, size_t length, struct digest *ret_digest)
{
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key->bytes, sizeof(key->bytes), data, length,
		   ret_digest->bytes) < 0
		   ? -EIO
		   : 0;
}

bool digest_equal(const void *a, const void *b, size_t length)
{
	return gnutls_memcmp(a, b, length) == 0;
}
