// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/stamps.h"

#include <string.h>

bool stamps_has(const struct buckets_found *found, const struct socket *socket)
{
	struct stamps_key key = {
	    .ports = (uint32_t)socket->local_port << 16 | socket->remote_port,
	};

	_Static_assert(sizeof(key.local) == sizeof(socket->local), "an address of four words");
	memcpy(key.local, &socket->local, sizeof(key.local));
	memcpy(key.remote, &socket->remote, sizeof(key.remote));

	const __u64 hash = stamps_hash(found->seed, &key);

	for (uint32_t i = 0; i < STAMPS_BITS_EACH; i++) {
		const uint32_t bit = stamps_bit(hash, i);

		if (!(found->unstamped[bit / 64] >> (bit % 64) & 1))
			return true;
	}
	return false;
}
