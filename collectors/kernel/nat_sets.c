// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/nat_sets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "collectors/kernel/attributes.h"

static bool is_of_type(const struct nlmsghdr *message, unsigned type)
{
	return message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | type);
}

static bool get_number(const struct attribute *attribute, uint32_t *ret_number)
{
	if (!attribute_copy(attribute, ret_number, sizeof(*ret_number)))
		return false;
	*ret_number = ntohl(*ret_number);
	return true;
}

int nat_sets_note(struct nat_sets *sets, const struct nlmsghdr *message)
{
	struct nat_set set = {.has_ports = false};
	uint32_t flags = 0;
	uint32_t key_length = 0;
	struct nfgenmsg header;
	struct attributes rest;
	struct attribute attribute;
	int result;

	if (!is_of_type(message, NFT_MSG_NEWSET))
		return 0;
	result = attributes_begin(message, &header, sizeof(header), &rest);
	while (result == 0 && (result = attributes_next(&rest, &attribute)) > 0) {
		const size_t size = attribute.inside.left;

		result = 0;
		if (attribute.type == NFTA_SET_NAME) {
			if (size == 0 || size > sizeof(set.name) || attribute.inside.at[size - 1])
				return -EBADMSG;
			memcpy(set.name, attribute.inside.at, size);
		} else if (attribute.type == NFTA_SET_FLAGS) {
			result = get_number(&attribute, &flags) ? 0 : -EBADMSG;
		} else if (attribute.type == NFTA_SET_KEY_LEN) {
			result = get_number(&attribute, &key_length) ? 0 : -EBADMSG;
		}
	}
	if (result < 0 || key_length != sizeof(uint8_t) ||
	    flags & ~(uint32_t)(NFT_SET_ANONYMOUS | NFT_SET_CONSTANT) ||
	    sets->length == NAT_SETS_MAX)
		return result;
	sets->list[sets->length++] = set;
	return 0;
}

static int note_key(struct nat_set *set, struct attributes rest)
{
	struct attribute attribute;
	uint8_t protocol;
	int result;

	while ((result = attributes_next(&rest, &attribute)) > 0) {
		if (attribute.type != NFTA_DATA_VALUE)
			continue;
		if (!attribute_copy(&attribute, &protocol, sizeof(protocol)))
			return -EBADMSG;
		if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
			set->has_ports = true;
	}
	return result;
}

static int note_elements(struct nat_set *set, struct attributes list)
{
	struct attribute element;
	struct attribute part;
	int result;

	while ((result = attributes_next(&list, &element)) > 0) {
		while ((result = attributes_next(&element.inside, &part)) > 0) {
			if (part.type == NFTA_SET_ELEM_KEY)
				result = note_key(set, part.inside);
			if (result < 0)
				return result;
		}
		if (result < 0)
			return result;
	}
	return result;
}

int nat_set_note_elements(struct nat_set *set, const struct nlmsghdr *message)
{
	struct nfgenmsg header;
	struct attributes rest;
	struct attribute attribute;
	int result;

	if (!is_of_type(message, NFT_MSG_NEWSETELEM))
		return 0;
	result = attributes_begin(message, &header, sizeof(header), &rest);
	while (result == 0 && (result = attributes_next(&rest, &attribute)) > 0)
		result = attribute.type == NFTA_SET_ELEM_LIST_ELEMENTS
			     ? note_elements(set, attribute.inside)
			     : 0;
	return result;
}

bool nat_sets_are_others(const struct nat_sets *sets, const void *name, size_t length)
{
	for (size_t i = 0; sets && i < sets->length; i++) {
		const struct nat_set *set = &sets->list[i];

		if (length == strlen(set->name) + 1 && memcmp(set->name, name, length) == 0)
			return !set->has_ports;
	}
	return false;
}
