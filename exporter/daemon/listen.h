/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LISTEN_H
#define EPHEMERA_LISTEN_H

/* Where the exporter listens. */

#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#define LISTEN_ADDRESSES_MAX 16
#define LISTEN_HOST_SIZE 256
#define LISTEN_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)
#define LISTEN_UNIX_PREFIX "unix:" /* of a path */
#define LISTEN_TEXT_SIZE 128	   /* holds it and a path */
#define LISTEN_ADDRESS_TEXT (LISTEN_HOST_SIZE + 16)

enum listen_kind { LISTEN_TCP, LISTEN_UNIX };

struct listen_address {
	enum listen_kind kind;
	char host[LISTEN_HOST_SIZE]; /* TCP; empty: every address, IPv6 and IPv4 */
	uint16_t port;
	char path[LISTEN_PATH_SIZE]; /* unix */
};

/*
 * Reads HOST:PORT, [IPV6]:PORT or :PORT, with a port from 1 to 65535, or unix:PATH. Returns NULL,
 * or what is wrong, a static string.
 */
const char *listen_parse(const char *text, struct listen_address *ret_address);

/* Writes the address as listen_parse() reads it. */
void listen_address_format(
    const struct listen_address *address, char text[static LISTEN_ADDRESS_TEXT]);

/* A socket that clients can connect to. */
struct listener {
	int fd;
	char text[LISTEN_TEXT_SIZE]; /* its address */
	uint16_t port;		     /* TCP, if we must bind it again at the next start; else 0 */
	/* The file of a unix socket that we made; else the path is empty. */
	char path[LISTEN_PATH_SIZE];
	dev_t device;
	ino_t inode;
};

/*
 * Opens a listening, non-blocking socket, which the caller closes. A unix socket gets exactly these
 * permissions, and replaces one that no process listens on. Call it before there are threads, since
 * all of them share the umask.
 * Returns 0 or -errno; -EADDRNOTAVAIL: the host has no address; -EEXIST: there is something else
 * than a socket at the path.
 */
int listen_open(
    const struct listen_address *address, mode_t socket_mode, struct listener *ret_listener);

/*
 * Takes ownership of a socket that another process opened, and makes it non-blocking and
 * close-on-exec. Returns NULL; or why it cannot be used, a static string, and the caller keeps fd.
 */
const char *listen_adopt(int fd, struct listener *ret_listener);

/* Removes the path of a unix socket that listen_open() made, if it is still that socket. */
void listen_remove(const struct listener *listener);

#endif
