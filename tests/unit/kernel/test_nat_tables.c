// SPDX-License-Identifier: Apache-2.0
/* Which tables of nftables translate, by a dump of chains. */
#include "collectors/kernel/nat_tables.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static _Alignas(struct nlmsghdr) char buffer[1024];

static struct nlmsghdr *begin(unsigned type, uint8_t family)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	header->nfgen_family = family;
	return message;
}

static const struct nlmsghdr *chain(uint8_t family, const char *table, const char *type)
{
	struct nlmsghdr *message = begin(NFT_MSG_NEWCHAIN, family);

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, "post");
	if (type)
		mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, type);
	return message;
}

static void tables_with_a_chain_of_type_nat_are_noted_once(void **state)
{
	struct nat_tables tables = {.length = 0};

	(void)state;
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_INET, "filter", "filter")), 0);
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_INET, "jumps", NULL)), 0);
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_INET, "long", "nationwide")), 0);
	assert_int_equal(tables.length, 0);
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_IPV4, "nat", "nat")), 0);
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_IPV4, "nat", "nat")), 0);
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_IPV6, "nat", "nat")), 0);
	assert_int_equal(tables.length, 2);
	assert_int_equal(tables.list[0].family, NFPROTO_IPV4);
	assert_int_equal(tables.list[1].family, NFPROTO_IPV6);
	assert_string_equal(tables.list[1].name, "nat");
	assert_false(tables.has_more);
}

static void more_than_there_is_room_for_are_told(void **state)
{
	struct nat_tables tables = {.length = 0};
	char name[16];

	(void)state;
	for (unsigned i = 0; i < NAT_TABLES_MAX; i++) {
		snprintf(name, sizeof(name), "nat%u", i);
		assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_IPV4, name, "nat")), 0);
		assert_false(tables.has_more);
	}
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_IPV4, "nat7", "nat")), 0);
	assert_false(tables.has_more);
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_IPV4, "one more", "nat")), 0);
	assert_true(tables.has_more);
	assert_int_equal(tables.length, NAT_TABLES_MAX);
}

static void what_is_no_chain_is_left_out(void **state)
{
	struct nat_tables tables = {.length = 0};
	char name[NAT_TABLE_NAME + 1];
	struct nlmsghdr *message;

	(void)state;
	message = begin(NFT_MSG_NEWRULE, NFPROTO_IPV4);
	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, "nat");
	mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "nat");
	assert_int_equal(nat_tables_note(&tables, message), 0);
	memset(name, 'x', sizeof(name));
	name[NAT_TABLE_NAME] = '\0';
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_IPV4, name, "nat")), -EBADMSG);
	name[NAT_TABLE_NAME - 1] = '\0';
	assert_int_equal(nat_tables_note(&tables, chain(NFPROTO_IPV4, name, "nat")), 0);
	assert_int_equal(tables.length, 1);
	message = begin(NFT_MSG_NEWCHAIN, NFPROTO_IPV4);
	mnl_attr_put(message, NFTA_CHAIN_TABLE, 3, "nat");
	assert_int_equal(nat_tables_note(&tables, message), -EBADMSG);
	message = begin(NFT_MSG_NEWCHAIN, NFPROTO_IPV4);
	mnl_attr_put(message, NFTA_CHAIN_TABLE, 0, NULL);
	assert_int_equal(nat_tables_note(&tables, message), -EBADMSG);
	message->nlmsg_len = sizeof(*message);
	assert_int_equal(nat_tables_note(&tables, message), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tables_with_a_chain_of_type_nat_are_noted_once),
	    cmocka_unit_test(more_than_there_is_room_for_are_told),
	    cmocka_unit_test(what_is_no_chain_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
