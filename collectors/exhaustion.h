/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTION_H
#define EPHEMERA_EXHAUSTION_H

/* What the exhaustion collector and `ephemera trace` make of what the kernel's side counts. */

#include <string.h>

#include "collectors/bpf/exhaustion.h"
#include "collectors/kernel/socket.h"

/* The positions of the collector's flags. */
enum exhaustion_flag {
	EXHAUSTION_DESTINATIONS_LIMIT,
	EXHAUSTION_OWNERS_LIMIT,
	EXHAUSTION_LEASES_LIMIT,
};

/* A counter that the kernel's side may be adding to. */
static inline uint64_t exhaustion_read(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

struct exhausted_destination {
	enum socket_family family;
	struct socket_address address;
	uint16_t port;
	uint32_t interface; /* of a link-local address; 0: none */
};

/* The inverse of tally_word(). */
static inline void exhausted_destination_of(
    const struct tally_key *key, struct exhausted_destination *ret_destination)
{
	ret_destination->family = key->words[2] & 0xffff ? SOCKET_IPV6 : SOCKET_IPV4;
	ret_destination->port = (uint16_t)(key->words[2] >> 16);
	ret_destination->interface = (uint32_t)(key->words[2] >> 32);
	memcpy(&ret_destination->address, key->words, sizeof(ret_destination->address));
}

#endif
