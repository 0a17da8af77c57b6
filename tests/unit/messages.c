// SPDX-License-Identifier: Apache-2.0
#include "messages.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* NLA_ALIGN() and NLA_HDRLEN are signed, and warned of. */
#define ATTRIBUTE_HEADER sizeof(struct nlattr)
#define ALIGN4(length) (((length) + 3) & ~(size_t)3)

static void reserve(const struct messages *messages, size_t length)
{
	if (messages->length + length > sizeof(messages->bytes)) {
		fprintf(stderr, "messages: more than %d bytes\n", MESSAGES_SIZE);
		abort();
	}
}

void *messages_add(struct messages *messages, uint16_t type, size_t length)
{
	struct nlmsghdr *header = messages_at(messages, messages->length);

	reserve(messages, NLMSG_SPACE(length));
	memset(header, 0, NLMSG_SPACE(length));
	header->nlmsg_len = (uint32_t)NLMSG_LENGTH(length);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_MULTI;
	header->nlmsg_seq = 1;
	messages->length += NLMSG_SPACE(length);
	return NLMSG_DATA(header);
}

static void put_address(int family, const char *text, void *place)
{
	if (text && inet_pton(family, text, place) != 1) {
		fprintf(stderr, "messages: no address: %s\n", text);
		abort();
	}
}

void messages_add_record(struct messages *messages, const struct record *record)
{
	struct inet_diag_msg *diag =
	    messages_add(messages, SOCK_DIAG_BY_FAMILY, sizeof(struct inet_diag_msg));

	diag->idiag_family = (uint8_t)record->family;
	diag->idiag_state = record->state;
	diag->idiag_timer = record->timer;
	diag->idiag_expires = record->expires;
	diag->id.idiag_sport = htons(record->local_port);
	diag->id.idiag_dport = htons(record->remote_port);
	put_address(record->family, record->local, diag->id.idiag_src);
	put_address(record->family, record->remote, diag->id.idiag_dst);
	diag->id.idiag_if = record->interface;
	diag->idiag_rqueue = record->rqueue;
	diag->idiag_wqueue = record->wqueue;
	diag->idiag_uid = record->uid;
	diag->idiag_inode = record->inode;
	diag->id.idiag_cookie[0] = (uint32_t)record->cookie;
	diag->id.idiag_cookie[1] = (uint32_t)(record->cookie >> 32);
}

void messages_add_attribute(
    struct messages *messages, size_t start, uint16_t type, const void *value, size_t length)
{
	const struct nlattr attribute = {(uint16_t)(ATTRIBUTE_HEADER + length), type};
	char *place = messages->bytes + messages->length;
	const size_t size = ALIGN4(ATTRIBUTE_HEADER + length);

	reserve(messages, size);
	memset(place, 0, size);
	memcpy(place, &attribute, sizeof(attribute));
	if (length)
		memcpy(place + ATTRIBUTE_HEADER, value, length);
	messages->length += size;
	messages_at(messages, start)->nlmsg_len = (uint32_t)(messages->length - start);
}

void messages_add_done(struct messages *messages, int error)
{
	memcpy(messages_add(messages, NLMSG_DONE, sizeof(error)), &error, sizeof(error));
}

void messages_add_error(struct messages *messages, int error)
{
	struct nlmsgerr *payload = messages_add(messages, NLMSG_ERROR, sizeof(*payload));

	payload->error = error;
}
