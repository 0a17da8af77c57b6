// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "collectors/bpf/conntrack_table.h"
#include "collectors/kernel/conntrack_table.h"

static void decode_tuple(const struct table_tuple *from, struct conntrack_tuple *ret_tuple)
{
	_Static_assert(sizeof(from->source) == sizeof(ret_tuple->source), "16 bytes");
	memcpy(&ret_tuple->source, from->source, sizeof(ret_tuple->source));
	memcpy(&ret_tuple->destination, from->destination, sizeof(ret_tuple->destination));
	ret_tuple->source_port = from->source_port;
	ret_tuple->destination_port = from->destination_port;
}

int conntrack_table_decode(const struct table_record *record, struct conntrack_entry *ret_entry)
{
	if (record->protocol != IPPROTO_TCP && record->protocol != IPPROTO_UDP)
		return -EBADMSG;
	if (record->family != AF_INET && record->family != AF_INET6)
		return -EBADMSG;
	ret_entry->protocol = record->protocol == IPPROTO_TCP ? SOCKET_TCP : SOCKET_UDP;
	ret_entry->family = record->family == AF_INET ? SOCKET_IPV4 : SOCKET_IPV6;
	ret_entry->is_closing =
	    record->protocol == IPPROTO_TCP && (record->tcp_state == TCP_CONNTRACK_TIME_WAIT ||
						   record->tcp_state == TCP_CONNTRACK_CLOSE);
	ret_entry->zone = record->zone;
	decode_tuple(&record->original, &ret_entry->original);
	decode_tuple(&record->reply, &ret_entry->reply);
	return 0;
}
