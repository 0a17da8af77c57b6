// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/nat_rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "collectors/kernel/attributes.h"
#include "collectors/kernel/nat_sets.h"

/*
 * What a rule has in its registers, as far as immediate expressions put it there. A register of 16
 * bytes is four of 4 bytes. Ports are in the first two bytes, in network byte order.
 */
struct registers {
	bool is_known[NFT_REG32_COUNT];
	uint16_t ports[NFT_REG32_COUNT];
	bool is_protocol[NFT_REG32_COUNT]; /* the packet's, such as IPPROTO_TCP */
};

/* One rule. */
struct rule {
	struct registers registers;
	uint8_t family;
	bool is_other; /* for another protocol than TCP and UDP: its ports are none of theirs */
};

/* The place of a register; or -1 if it is the verdict's, or there is no such one. */
static int place_of(uint32_t number)
{
	if (number >= NFT_REG_1 && number <= NFT_REG_4)
		return (int)(number - NFT_REG_1) * (NFT_REG_SIZE / NFT_REG32_SIZE);
	if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
		return (int)(number - NFT_REG32_00);
	return -1;
}

/* Reads the attribute's number. Returns 0 or -EBADMSG. */
static int get_number(const struct attribute *attribute, uint32_t *ret_number)
{
	uint32_t number;

	if (!attribute_copy(attribute, &number, sizeof(number)))
		return -EBADMSG;
	*ret_number = ntohl(number);
	return 0;
}

/* Sets the registers that value fills. It may be a verdict, which goes into none. */
static void load(struct registers *registers, int place, const struct attribute *value)
{
	const size_t size = value->inside.left;

	for (size_t at = 0; at < size && place < NFT_REG32_COUNT; at += NFT_REG32_SIZE, place++) {
		registers->is_known[place] = size - at >= sizeof(uint16_t);
		if (!registers->is_known[place])
			continue;
		memcpy(&registers->ports[place], value->inside.at + at, sizeof(uint16_t));
		registers->ports[place] = ntohs(registers->ports[place]);
	}
}

static int note_immediate(struct registers *registers, struct attributes rest)
{
	struct attribute attribute;
	struct attribute value = {.inside = {.left = 0}};
	uint32_t number = NFT_REG_VERDICT;
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == NFTA_IMMEDIATE_DREG)
			result = get_number(&attribute, &number);
		else if (attribute.type == NFTA_IMMEDIATE_DATA)
			result = attributes_next(&attribute.inside, &value);
		if (result < 0)
			return result;
	}
	if (result == 0 && value.type == NFTA_DATA_VALUE && place_of(number) >= 0)
		load(registers, place_of(number), &value);
	return result;
}

static void note_ports(struct nat_rules *rules, uint16_t first, uint16_t last)
{
	/* As the kernel takes them. */
	const struct port_range ports = {first < last ? first : last, first < last ? last : first};

	if (rules->count++ == 0)
		rules->ports = ports;
	else if (rules->ports.first != ports.first || rules->ports.last != ports.last)
		rules->differs = true;
}

static void note_unknown(struct nat_rules *rules)
{
	rules->count++;
	rules->is_unknown = true;
}

/* Notes that a register has the packet's protocol from now on: of "meta l4proto", and of IPv4's
 * header. */
static int note_load(struct rule *rule, bool is_meta, struct attributes rest)
{
	enum { HEADER_PROTOCOL = 9 }; /* where struct iphdr has it */
	uint32_t values[NFTA_PAYLOAD_LEN + 1] = {0};
	struct attribute attribute;
	uint32_t number;
	int result;

	memset(&rule->registers, 0, sizeof(rule->registers));
	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type > NFTA_PAYLOAD_LEN)
			continue;
		result = get_number(&attribute, &values[attribute.type]);
		if (result < 0)
			return result;
	}
	if (result < 0)
		return result;
	if (is_meta ? values[NFTA_META_KEY] != NFT_META_L4PROTO
		    : rule->family == NFPROTO_IPV6 ||
			  values[NFTA_PAYLOAD_BASE] != NFT_PAYLOAD_NETWORK_HEADER ||
			  values[NFTA_PAYLOAD_OFFSET] != HEADER_PROTOCOL ||
			  values[NFTA_PAYLOAD_LEN] != sizeof(uint8_t))
		return 0;
	number = values[is_meta ? NFTA_META_DREG : NFTA_PAYLOAD_DREG];
	if (place_of(number) >= 0)
		rule->registers.is_protocol[place_of(number)] = true;
	return 0;
}

static int note_comparison(struct rule *rule, struct attributes rest)
{
	struct attribute attribute;
	struct attribute value = {.inside = {.left = 0}};
	uint32_t number = NFT_REG_VERDICT;
	uint32_t operation = NFT_CMP_NEQ;
	uint8_t protocol;
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == NFTA_CMP_SREG)
			result = get_number(&attribute, &number);
		else if (attribute.type == NFTA_CMP_OP)
			result = get_number(&attribute, &operation);
		else if (attribute.type == NFTA_CMP_DATA)
			result = attributes_next(&attribute.inside, &value);
		if (result < 0)
			return result;
	}
	if (result < 0 || operation != NFT_CMP_EQ || place_of(number) < 0 ||
	    !rule->registers.is_protocol[place_of(number)] ||
	    !attribute_copy(&value, &protocol, sizeof(protocol)))
		return result;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		rule->is_other = true;
	return 0;
}

/* What a set is matched with; not a map's look-up, nor one for what is not in the set. */
static int note_lookup(const struct nat_rules *rules, struct rule *rule, struct attributes rest)
{
	struct attribute attribute;
	struct attribute name = {.inside = {.left = 0}};
	uint32_t number = NFT_REG_VERDICT;
	uint32_t flags = 0;
	bool is_map = false;
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == NFTA_LOOKUP_SET)
			name = attribute;
		else if (attribute.type == NFTA_LOOKUP_SREG)
			result = get_number(&attribute, &number);
		else if (attribute.type == NFTA_LOOKUP_FLAGS)
			result = get_number(&attribute, &flags);
		else if (attribute.type == NFTA_LOOKUP_DREG)
			is_map = true;
		if (result < 0)
			return result;
	}
	if (is_map)
		memset(&rule->registers, 0, sizeof(rule->registers));
	else if (result == 0 && !flags && place_of(number) >= 0 &&
		 rule->registers.is_protocol[place_of(number)] &&
		 nat_sets_are_others(rules->sets, name.inside.at, name.inside.left))
		rule->is_other = true;
	return result;
}

/* The attributes of the expressions masq and nat that matter here. */
struct nat {
	unsigned first; /* the type of the attribute that names the register of the first port */
	unsigned last;
	unsigned kind; /* that of NFTA_NAT_TYPE; 0: it is source NAT */
};

static int note_nat(struct nat_rules *rules, const struct registers *registers,
    const struct nat *nat, struct attributes rest)
{
	uint32_t first = NFT_REG_VERDICT;
	uint32_t last = NFT_REG_VERDICT;
	uint32_t kind = NFT_NAT_SNAT;
	struct attribute attribute;
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == nat->first)
			result = get_number(&attribute, &first);
		else if (attribute.type == nat->last)
			result = get_number(&attribute, &last);
		else if (nat->kind && attribute.type == nat->kind)
			result = get_number(&attribute, &kind);
		if (result < 0)
			return result;
	}
	if (result < 0 || kind != NFT_NAT_SNAT)
		return result;
	if (first == NFT_REG_VERDICT) {
		note_ports(rules, NAT_FIRST_PORT, NAT_LAST_PORT);
		return 0;
	}
	/* One port alone is in one register. */
	if (last == NFT_REG_VERDICT)
		last = first;
	if (place_of(first) < 0 || place_of(last) < 0)
		return -EBADMSG;
	if (registers->is_known[place_of(first)] && registers->is_known[place_of(last)])
		note_ports(
		    rules, registers->ports[place_of(first)], registers->ports[place_of(last)]);
	else
		note_unknown(rules);
	return 0;
}

/* What a target of xtables got: which structure it is says its revision. Returns 0 or -EBADMSG. */
static int note_info(
    struct nat_rules *rules, uint8_t family, uint32_t revision, const struct attribute *info)
{
	struct nf_nat_ipv4_multi_range_compat old;
	struct nf_nat_range range;

	if (revision == 0 && family == NFPROTO_IPV4) {
		if (!attribute_copy(info, &old, sizeof(old)))
			return -EBADMSG;
		range.flags = old.range[0].flags;
		range.min_proto = old.range[0].min;
		range.max_proto = old.range[0].max;
	} else if (!attribute_copy(info, &range, sizeof(range))) {
		/* struct nf_nat_range2 begins as struct nf_nat_range. */
		return -EBADMSG;
	}
	if (range.flags & NF_NAT_RANGE_PROTO_SPECIFIED)
		note_ports(rules, ntohs(range.min_proto.all), ntohs(range.max_proto.all));
	else
		note_ports(rules, NAT_FIRST_PORT, NAT_LAST_PORT);
	return 0;
}

static bool is(const struct attribute *name, const char *text)
{
	const size_t length = strlen(text);

	return name->inside.left == length + 1 && memcmp(name->inside.at, text, length + 1) == 0;
}

static int note_target(struct nat_rules *rules, uint8_t family, struct attributes rest)
{
	struct attribute attribute;
	struct attribute info = {.inside = {.left = 0}};
	uint32_t revision = 0;
	bool is_ours = false;
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == NFTA_TARGET_NAME)
			is_ours = is(&attribute, "MASQUERADE") || is(&attribute, "SNAT");
		else if (attribute.type == NFTA_TARGET_REV)
			result = get_number(&attribute, &revision);
		else if (attribute.type == NFTA_TARGET_INFO)
			info = attribute;
		if (result < 0)
			return result;
	}
	if (result < 0 || !is_ours)
		return result;
	return note_info(rules, family, revision, &info);
}

static int note_expression(struct nat_rules *rules, struct rule *rule, struct attributes rest)
{
	static const struct nat masq = {NFTA_MASQ_REG_PROTO_MIN, NFTA_MASQ_REG_PROTO_MAX, 0};
	static const struct nat nat = {
	    NFTA_NAT_REG_PROTO_MIN, NFTA_NAT_REG_PROTO_MAX, NFTA_NAT_TYPE};
	struct attribute attribute;
	struct attribute name = {.inside = {.left = 0}};
	struct attributes data = {.left = 0};
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type == NFTA_EXPR_NAME)
			name = attribute;
		else if (attribute.type == NFTA_EXPR_DATA)
			data = attribute.inside;
	}
	if (result < 0)
		return result;
	if (is(&name, "immediate"))
		return note_immediate(&rule->registers, data);
	if (is(&name, "meta") || is(&name, "payload"))
		return note_load(rule, is(&name, "meta"), data);
	if (is(&name, "cmp"))
		return note_comparison(rule, data);
	if (is(&name, "lookup"))
		return note_lookup(rules, rule, data);
	if (rule->is_other)
		return 0;
	if (is(&name, "masq"))
		return note_nat(rules, &rule->registers, &masq, data);
	if (is(&name, "nat"))
		return note_nat(rules, &rule->registers, &nat, data);
	if (is(&name, "target"))
		return note_target(rules, rule->family, data);
	/* Each other one may write to registers: what they hold is not known from here on. */
	memset(&rule->registers, 0, sizeof(rule->registers));
	return 0;
}

int nat_rules_note(struct nat_rules *rules, const struct nlmsghdr *message)
{
	struct rule rule = {.is_other = false};
	struct nfgenmsg header;
	struct attributes rest;
	struct attribute attribute;
	int result;

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE))
		return 0;
	result = attributes_begin(message, &header, sizeof(header), &rest);
	while (result == 0 && (result = attributes_next(&rest, &attribute)) > 0) {
		struct attribute expression;

		result = 0;
		if (attribute.type != NFTA_RULE_EXPRESSIONS)
			continue;
		while ((result = attributes_next(&attribute.inside, &expression)) > 0) {
			rule.family = header.nfgen_family;
			result = note_expression(rules, &rule, expression.inside);
			if (result < 0)
				return result;
		}
	}
	return result;
}
