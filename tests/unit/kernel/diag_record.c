// SPDX-License-Identifier: Apache-2.0
#include "diag_record.h"

#include <string.h>
#include <sys/socket.h>

#include "guard_page.h"
#include "unit.h"

struct messages messages;

const struct record established = {
    .family = AF_INET,
    .state = SOCKET_ESTABLISHED,
    .local = "10.1.2.3",
    .local_port = 41234,
    .remote = "192.0.2.9",
    .remote_port = 443,
    .interface = 7,
    .rqueue = 11,
    .wqueue = 13,
    .uid = 1009,
    .inode = 4000000007u,
    .cookie = UINT64_C(0x123456789),
};

void start(const struct record *record)
{
	memset(&messages, 0, sizeof(messages));
	messages_add_record(&messages, record);
}

void attribute(uint16_t type, const void *value, size_t length)
{
	messages_add_attribute(&messages, 0, type, value, length);
}

int decode_cut(enum listing listing, size_t length, struct socket *socket)
{
	struct guarded guarded;
	int result;

	messages_at(&messages, 0)->nlmsg_len = (uint32_t)length;
	guarded = guard(messages.bytes, length, _Alignof(struct nlmsghdr));
	result = inet_diag_decode(listing, (const struct nlmsghdr *)(void *)guarded.bytes, socket);
	guard_free(&guarded);
	return result;
}

int decode(enum listing listing, struct socket *socket)
{
	memset(socket, 0xa5, sizeof(*socket));
	return decode_cut(listing, messages_at(&messages, 0)->nlmsg_len, socket);
}
