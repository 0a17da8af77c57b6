/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAT_TABLES_H
#define EPHEMERA_NAT_TABLES_H

/*
 * The tables of nftables that translate: those with a base chain of type nat. Others may have tens
 * of thousands of rules, and change so often that no dump of all rules comes to its end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

#define NAT_TABLES_MAX 64
#define NAT_TABLE_NAME 256 /* NFT_TABLE_MAXNAMELEN, with the end */

struct nat_table {
	uint8_t family; /* NFPROTO_ */
	char name[NAT_TABLE_NAME];
};

struct nat_tables {
	size_t length;
	bool has_more; /* than NAT_TABLES_MAX */
	struct nat_table list[NAT_TABLES_MAX];
};

/* Notes one message of a dump of chains (NFT_MSG_GETCHAIN). Returns 0 or -EBADMSG. */
int nat_tables_note(struct nat_tables *tables, const struct nlmsghdr *message);

#endif
