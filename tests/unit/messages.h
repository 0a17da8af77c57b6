/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_MESSAGES_H
#define EPHEMERA_MESSAGES_H

/* Netlink messages made by hand, as sock_diag would send them in one recv(). */

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGES_SIZE 32768

struct messages {
	_Alignas(8) char bytes[MESSAGES_SIZE];
	size_t length;
};

/* One socket of a dump; what is left out is 0. Addresses are IPv4, IPv6 or NULL: any. */
struct record {
	int family; /* AF_INET or AF_INET6 */
	uint8_t state;
	uint8_t timer;
	uint32_t expires;
	const char *local;
	uint16_t local_port;
	const char *remote;
	uint16_t remote_port;
	uint32_t interface;
	uint32_t rqueue;
	uint32_t wqueue;
	uint32_t uid;
	uint32_t inode;
	uint64_t cookie;
};

/* Appends a message with room for length bytes of payload, which is returned. */
void *messages_add(struct messages *messages, uint16_t type, size_t length);
void messages_add_record(struct messages *messages, const struct record *record);
/* Appends an attribute to the last message, which begins at that offset. */
void messages_add_attribute(
    struct messages *messages, size_t start, uint16_t type, const void *value, size_t length);
/* NLMSG_DONE with the errno that the kernel puts there: 0 or negative. */
void messages_add_done(struct messages *messages, int error);
/* NLMSG_ERROR. */
void messages_add_error(struct messages *messages, int error);

static inline struct nlmsghdr *messages_at(struct messages *messages, size_t start)
{
	return (struct nlmsghdr *)(void *)(messages->bytes + start);
}

#endif
