// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/conntrack_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "collectors/kernel/attributes.h"
#include "collectors/kernel/netlink.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* What of a tuple was found. */
enum {
	SOURCE = 1,
	DESTINATION = 2,
	SOURCE_PORT = 4,
	DESTINATION_PORT = 8,
	PROTOCOL = 16,
	WHOLE = 31
};

struct tuple_parts {
	struct conntrack_tuple tuple;
	uint8_t protocol;
	uint16_t zone; /* 0: none of this direction alone */
	unsigned found;
};

static int decode_address(
    const struct attribute *attribute, size_t size, unsigned part, struct tuple_parts *parts)
{
	struct socket_address *address =
	    part == SOURCE ? &parts->tuple.source : &parts->tuple.destination;

	if (!attribute_copy(attribute, address->bytes, size))
		return -EBADMSG;
	parts->found |= part;
	return 0;
}

static int decode_addresses(struct attributes rest, struct tuple_parts *parts)
{
	struct attribute attribute;
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == CTA_IP_V4_SRC)
			result = decode_address(&attribute, 4, SOURCE, parts);
		else if (attribute.type == CTA_IP_V4_DST)
			result = decode_address(&attribute, 4, DESTINATION, parts);
		else if (attribute.type == CTA_IP_V6_SRC)
			result = decode_address(&attribute, 16, SOURCE, parts);
		else if (attribute.type == CTA_IP_V6_DST)
			result = decode_address(&attribute, 16, DESTINATION, parts);
		if (result < 0)
			return result;
	}
	return result;
}

static int decode_port(
    const struct attribute *attribute, unsigned part, uint16_t *port, struct tuple_parts *parts)
{
	if (!attribute_copy(attribute, port, sizeof(*port)))
		return -EBADMSG;
	*port = ntohs(*port);
	parts->found |= part;
	return 0;
}

static int decode_ports(struct attributes rest, struct tuple_parts *parts)
{
	struct conntrack_tuple *tuple = &parts->tuple;
	struct attribute attribute;
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == CTA_PROTO_SRC_PORT)
			result = decode_port(&attribute, SOURCE_PORT, &tuple->source_port, parts);
		else if (attribute.type == CTA_PROTO_DST_PORT)
			result = decode_port(
			    &attribute, DESTINATION_PORT, &tuple->destination_port, parts);
		else if (attribute.type == CTA_PROTO_NUM) {
			if (!attribute_copy(&attribute, &parts->protocol, 1))
				return -EBADMSG;
			parts->found |= PROTOCOL;
		}
		if (result < 0)
			return result;
	}
	return result;
}

static int decode_zone(const struct attribute *attribute, uint16_t *zone)
{
	if (!attribute_copy(attribute, zone, sizeof(*zone)))
		return -EBADMSG;
	*zone = ntohs(*zone);
	return 0;
}

static int decode_tuple(struct attributes rest, struct tuple_parts *parts)
{
	struct attribute attribute;
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == CTA_TUPLE_IP)
			result = decode_addresses(attribute.inside, parts);
		else if (attribute.type == CTA_TUPLE_PROTO)
			result = decode_ports(attribute.inside, parts);
		else if (attribute.type == CTA_TUPLE_ZONE)
			result = decode_zone(&attribute, &parts->zone);
		if (result < 0)
			return result;
	}
	return result;
}

/* The first attribute of that type, or none, which is not an error. Returns as attributes_next().
 */
static int find(struct attributes rest, unsigned type, struct attribute *ret_attribute)
{
	int result;

	while ((result = attributes_next(&rest, ret_attribute)) > 0)
		if (ret_attribute->type == type)
			return 1;
	return result;
}

static int decode_state(struct attributes rest, bool *is_closing)
{
	struct attribute attribute;
	uint8_t state;
	int result = find(rest, CTA_PROTOINFO_TCP, &attribute);

	if (result > 0)
		result = find(attribute.inside, CTA_PROTOINFO_TCP_STATE, &attribute);
	if (result <= 0)
		return result;
	if (!attribute_copy(&attribute, &state, sizeof(state)))
		return -EBADMSG;
	*is_closing = state == TCP_CONNTRACK_TIME_WAIT || state == TCP_CONNTRACK_CLOSE;
	return 0;
}

/* The rest of conntrack_decode(), where everything was found. */
static int make_entry(uint8_t family, const struct tuple_parts *original,
    const struct tuple_parts *reply, bool is_closing, struct conntrack_entry *ret_entry)
{
	if (!(original->found & PROTOCOL))
		return -EBADMSG;
	if (original->protocol != IPPROTO_TCP && original->protocol != IPPROTO_UDP)
		return 0;
	if (original->found != WHOLE || reply->found != WHOLE ||
	    original->protocol != reply->protocol)
		return -EBADMSG;
	*ret_entry = (struct conntrack_entry){
	    .protocol = original->protocol == IPPROTO_TCP ? SOCKET_TCP : SOCKET_UDP,
	    .family = family == AF_INET ? SOCKET_IPV4 : SOCKET_IPV6,
	    .is_closing = original->protocol == IPPROTO_TCP && is_closing,
	    .original = original->tuple,
	    .reply = reply->tuple,
	};
	return 1;
}

int conntrack_decode(const struct nlmsghdr *message, struct conntrack_entry *ret_entry)
{
	struct tuple_parts original = {.found = 0};
	struct tuple_parts reply = {.found = 0};
	struct attributes rest;
	struct attribute attribute;
	struct nfgenmsg header;
	bool is_closing = false;
	uint16_t zone = 0; /* of both directions */
	int result = attributes_begin(message, &header, sizeof(header), &rest);

	if (result < 0)
		return result;
	if (header.nfgen_family != AF_INET && header.nfgen_family != AF_INET6)
		return 0;
	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == CTA_TUPLE_ORIG)
			result = decode_tuple(attribute.inside, &original);
		else if (attribute.type == CTA_TUPLE_REPLY)
			result = decode_tuple(attribute.inside, &reply);
		else if (attribute.type == CTA_PROTOINFO)
			result = decode_state(attribute.inside, &is_closing);
		else if (attribute.type == CTA_ZONE)
			result = decode_zone(&attribute, &zone);
		if (result < 0)
			return result;
	}
	if (result < 0)
		return result;
	result = make_entry(header.nfgen_family, &original, &reply, is_closing, ret_entry);
	if (result > 0)
		ret_entry->zone = zone ? zone : reply.zone;
	return result;
}

struct walk {
	int (*visit)(void *context, const struct conntrack_entry *entry);
	void *context;
};

static int on_entry(void *context, const struct nlmsghdr *message)
{
	const struct walk *walk = context;
	struct conntrack_entry entry;
	const int result = conntrack_decode(message, &entry);

	return result > 0 ? walk->visit(walk->context, &entry) : result;
}

static int dump(unsigned type, const struct netlink_sink *sink)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg))] =
	    "";
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	int result;

	request->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	result = netlink_dump_netfilter(request, sink);
	/* Nobody answers for that part of netfilter: nfnetlink_rcv_msg(). */
	return result == -EINVAL ? -EOPNOTSUPP : result;
}

int conntrack_netlink_walk(
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context)
{
	struct walk walk = {visit, context};
	const struct netlink_sink sink = {on_entry, NULL, &walk};

	return dump(IPCTNL_MSG_CT_GET, &sink);
}

/* Which attribute has the counter of that name; 0: none. */
static unsigned stats_type(const char *name)
{
	static const struct {
		const char *name;
		unsigned type;
	} types[] = {
	    {"insert_failed", CTA_STATS_INSERT_FAILED},
	    {"drop", CTA_STATS_DROP},
	    {"early_drop", CTA_STATS_EARLY_DROP},
	};

	for (size_t i = 0; i < LENGTH(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	return 0;
}

int conntrack_decode_stats(
    const struct nlmsghdr *message, struct conntrack_counter *counters, size_t count)
{
	struct attributes rest;
	struct attribute attribute;
	struct nfgenmsg header;
	int result = attributes_begin(message, &header, sizeof(header), &rest);

	while (result == 0 && (result = attributes_next(&rest, &attribute)) > 0) {
		result = 0;
		for (size_t i = 0; i < count; i++) {
			uint32_t value;

			if (stats_type(counters[i].name) != attribute.type)
				continue;
			if (!attribute_copy(&attribute, &value, sizeof(value)))
				return -EBADMSG;
			counters[i].value += ntohl(value);
			counters[i].found = true;
		}
	}
	return result;
}

struct stats {
	struct conntrack_counter *counters;
	size_t count;
};

static int on_stats(void *context, const struct nlmsghdr *message)
{
	const struct stats *stats = context;

	return conntrack_decode_stats(message, stats->counters, stats->count);
}

int conntrack_netlink_stats(struct conntrack_counter *counters, size_t count)
{
	struct stats stats = {counters, count};
	const struct netlink_sink sink = {on_stats, NULL, &stats};

	for (size_t i = 0; i < count; i++) {
		counters[i].found = false;
		counters[i].value = 0;
	}
	return dump(IPCTNL_MSG_CT_GET_STATS_CPU, &sink);
}
