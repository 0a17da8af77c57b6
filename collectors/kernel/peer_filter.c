// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/peer_filter.h"

#include <string.h>

static bool begin_alike(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	const unsigned bytes = bits / 8;
	const unsigned rest = bits % 8;

	return memcmp(a, b, bytes) == 0 && (!rest || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0);
}

static bool fits(const struct peer_term *term, enum socket_family family,
    const struct socket_address *address, uint16_t port)
{
	if (term->has_ports && !port_range_has(term->ports, port))
		return false;
	return !term->has_address || (term->family == family && begin_alike(term->address.bytes,
								    address->bytes, term->bits));
}

bool peer_filter_has(const struct peer_filter *filter, enum socket_family family,
    const struct socket_address *address, uint16_t port)
{
	if (!filter || filter->length == 0)
		return true;
	for (size_t i = 0; i < filter->length; i++)
		if (fits(&filter->terms[i], family, address, port))
			return true;
	return false;
}
