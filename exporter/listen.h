/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LISTEN_H
#define EPHEMERA_LISTEN_H

/* Where the exporter listens. */

#include <stdint.h>

#define LISTEN_HOST_SIZE 256
#define LISTEN_TEXT_SIZE 64

struct listen_address {
	char host[LISTEN_HOST_SIZE]; /* empty: every address, IPv6 and IPv4 */
	uint16_t port;
};

/*
 * Reads HOST:PORT, [IPV6]:PORT or :PORT, with a port of 1 to 65535. Returns NULL, or what
 * is wrong with it, in words that need not be freed.
 */
const char *listen_parse(const char *text, struct listen_address *ret_address);

/*
 * Opens a listening TCP socket. Returns its descriptor, and in ret_text the address it
 * got; or -errno, with -EADDRNOTAVAIL where the host has no address.
 */
int listen_open(const struct listen_address *address, char ret_text[static LISTEN_TEXT_SIZE]);

#endif
