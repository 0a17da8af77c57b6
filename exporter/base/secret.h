/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SECRET_H
#define EPHEMERA_SECRET_H

/* Memory that must not keep what was in it: keys, and hashes of passwords. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Overwrites length bytes, then frees. NULL is fine. */
static inline void secret_free(void *secret, size_t length)
{
	if (secret)
		explicit_bzero(secret, length);
	free(secret);
}

#endif
