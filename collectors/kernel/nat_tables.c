// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/nat_tables.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/attributes.h"
#include "collectors/kernel/nat_rules.h"
#include "collectors/kernel/nat_sets.h"
#include "collectors/kernel/netlink.h"

/* Somebody changes the rules just now: each wait is twice as long, a quarter of a second in all. */
#define ATTEMPTS 8
#define FIRST_WAIT_NS 2000000L

static bool has_table(const struct nat_tables *tables, const struct nat_table *table)
{
	for (size_t i = 0; i < tables->length; i++)
		if (tables->list[i].family == table->family &&
		    strcmp(tables->list[i].name, table->name) == 0)
			return true;
	return false;
}

/* A text of netlink has its end with it. Returns whether it fits. */
static bool copy_text(const struct attribute *attribute, char *to, size_t room)
{
	const size_t size = attribute->inside.left;

	if (size == 0 || size > room || attribute->inside.at[size - 1] != '\0')
		return false;
	memcpy(to, attribute->inside.at, size);
	return true;
}

int nat_tables_note(struct nat_tables *tables, const struct nlmsghdr *message)
{
	struct nat_table table = {.name = ""};
	char type[8] = "";
	struct nfgenmsg header = {.nfgen_family = NFPROTO_UNSPEC};
	struct attributes rest;
	struct attribute attribute;
	int result;

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN))
		return 0;
	result = attributes_begin(message, &header, sizeof(header), &rest);
	while (result == 0 && (result = attributes_next(&rest, &attribute)) > 0) {
		result = 0;
		if (attribute.type == NFTA_CHAIN_TABLE &&
		    !copy_text(&attribute, table.name, sizeof(table.name)))
			return -EBADMSG;
		/* A longer one is another type. */
		if (attribute.type == NFTA_CHAIN_TYPE)
			(void)copy_text(&attribute, type, sizeof(type));
	}
	table.family = header.nfgen_family;
	if (result < 0 || strcmp(type, "nat") != 0 || has_table(tables, &table))
		return result;
	if (tables->length < NAT_TABLES_MAX)
		tables->list[tables->length++] = table;
	else
		tables->has_more = true;
	return 0;
}

static int on_chain(void *context, const struct nlmsghdr *message)
{
	return nat_tables_note(context, message);
}

static int on_rule(void *context, const struct nlmsghdr *message)
{
	return nat_rules_note(context, message);
}

static int on_set(void *context, const struct nlmsghdr *message)
{
	return nat_sets_note(context, message);
}

static int on_elements(void *context, const struct nlmsghdr *message)
{
	return nat_set_note_elements(context, message);
}

/*
 * table: whose rules, sets or elements; NULL: all chains. set: whose elements, else NULL. The
 * attribute of a table's name has the same number in all of these, and that of a set's name too.
 */
static int dump(unsigned type, const struct nat_table *table, const struct nat_set *set,
    const struct netlink_sink *sink)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)) +
					      2 * sizeof(struct nlattr) + NAT_TABLE_NAME +
					      NAT_SET_NAME] = "";
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	request->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nfgen_family = table ? table->family : NFPROTO_UNSPEC;
	header->version = NFNETLINK_V0;
	if (table)
		mnl_attr_put_strz(request, NFTA_RULE_TABLE, table->name);
	if (set)
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set->name);
	return netlink_dump_netfilter(request, sink);
}

_Static_assert((int)NFTA_RULE_TABLE == (int)NFTA_SET_TABLE &&
		   (int)NFTA_RULE_TABLE == (int)NFTA_SET_ELEM_LIST_TABLE,
    "as dump() takes it");

struct reading {
	struct nat_tables tables;
	struct nat_sets sets; /* of one table */
};

static int read_sets(const struct nat_table *table, struct nat_sets *sets)
{
	const struct netlink_sink sink = {on_set, NULL, sets};
	int result;

	sets->length = 0;
	result = dump(NFT_MSG_GETSET, table, NULL, &sink);
	for (size_t i = 0; i < sets->length && result == 0; i++) {
		const struct netlink_sink elements = {on_elements, NULL, &sets->list[i]};

		result = dump(NFT_MSG_GETSETELEM, table, &sets->list[i], &elements);
	}
	/* It was there a moment ago. */
	return result == -ENOENT ? -EINTR : result;
}

static int read_once(struct reading *reading, struct nat_rules *rules)
{
	struct nat_tables *tables = &reading->tables;
	const struct netlink_sink chains = {on_chain, NULL, tables};
	const struct netlink_sink sink = {on_rule, NULL, rules};
	int result;

	*rules = (struct nat_rules){.sets = &reading->sets};
	tables->length = 0;
	tables->has_more = false;
	result = dump(NFT_MSG_GETCHAIN, NULL, NULL, &chains);
	for (size_t i = 0; i < tables->length && result == 0; i++) {
		result = read_sets(&tables->list[i], &reading->sets);
		if (result == 0)
			result = dump(NFT_MSG_GETRULE, &tables->list[i], NULL, &sink);
	}
	rules->has_more = tables->has_more;
	rules->sets = NULL;
	return result;
}

int nat_rules_read(struct nat_rules *ret_rules)
{
	struct timespec wait = {.tv_nsec = FIRST_WAIT_NS};
	struct reading *reading = malloc(sizeof(*reading));
	int result = -EINTR;

	if (!reading)
		return -ENOMEM;
	for (int i = 0; i < ATTEMPTS && result == -EINTR; i++) {
		if (i)
			nanosleep(&wait, NULL);
		if (i)
			wait.tv_nsec *= 2;
		result = read_once(reading, ret_rules);
	}
	free(reading);
	/* Nobody answers for that part of netfilter: nfnetlink_rcv_msg(). */
	return result == -EINVAL ? -EOPNOTSUPP : result;
}
