/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ATTRIBUTES_H
#define EPHEMERA_ATTRIBUTES_H

/*
 * Attributes of a netlink message, one after the other. What is in one may be attributes again. By
 * hand, since it runs several times for each tracked connection; see inet_diag.c.
 */

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Bytes that are still to be read; they belong to the message. */
struct attributes {
	const char *at;
	size_t left;
};

struct attribute {
	unsigned type; /* without the flags for nesting and byte order */
	struct attributes inside;
};

/*
 * What follows the message's own header and another one of that size, which is copied to header.
 * Returns 0, or -EBADMSG if the message is shorter.
 */
static inline int attributes_begin(
    const struct nlmsghdr *message, void *header, size_t size, struct attributes *ret_attributes)
{
	const size_t start = NLMSG_HDRLEN + NLMSG_ALIGN(size);

	if (message->nlmsg_len < start)
		return -EBADMSG;
	memcpy(header, (const char *)message + NLMSG_HDRLEN, size);
	*ret_attributes =
	    (struct attributes){(const char *)message + start, message->nlmsg_len - start};
	return 0;
}

/* Takes the next one. Returns 1; 0 at the end; or -EBADMSG if it is longer than what is left. */
static inline int attributes_next(struct attributes *rest, struct attribute *ret_attribute)
{
	struct nlattr header;
	size_t length;

	if (rest->left == 0)
		return 0;
	if (rest->left < sizeof(header))
		return -EBADMSG;
	memcpy(&header, rest->at, sizeof(header));
	if (header.nla_len < sizeof(header) || header.nla_len > rest->left)
		return -EBADMSG;
	ret_attribute->type = header.nla_type & (unsigned)NLA_TYPE_MASK;
	ret_attribute->inside.at = rest->at + sizeof(header);
	ret_attribute->inside.left = header.nla_len - sizeof(header);
	length = (size_t)NLA_ALIGN(header.nla_len);
	if (length > rest->left)
		length = rest->left;
	rest->at += length;
	rest->left -= length;
	return 1;
}

/* Copies its first bytes. Returns whether it has so many. */
static inline bool attribute_copy(const struct attribute *attribute, void *to, size_t size)
{
	if (attribute->inside.left < size)
		return false;
	memcpy(to, attribute->inside.at, size);
	return true;
}

#endif
