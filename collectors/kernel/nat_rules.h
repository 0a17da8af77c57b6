/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAT_RULES_H
#define EPHEMERA_NAT_RULES_H

/*
 * Which ports the rules of nftables let source NAT choose from: rules of nft with masquerade or
 * snat, and those that iptables-nft wrote with the targets MASQUERADE and SNAT. The kernel accepts
 * these only where source NAT is done, so a rule's chain does not matter.
 */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/kernel/portset.h"

struct nat_sets;
struct nlmsghdr;

/*
 * What source NAT has if a rule names no ports, and the client's own port is 1024 or more:
 * nf_nat_l4proto_unique_tuple() in net/netfilter/nf_nat_core.c.
 */
#define NAT_FIRST_PORT 1024
#define NAT_LAST_PORT 65535

struct nat_rules {
	size_t count;		     /* rules with source NAT */
	bool is_unknown;	     /* a rule takes its ports from a map or computes them */
	bool has_more;		     /* more tables translate than are read */
	bool differs;		     /* two rules name different ports */
	struct port_range ports;     /* what the first one names */
	const struct nat_sets *sets; /* of the table whose rules are noted; NULL: not known */
};

/* Notes one message of a dump of rules (NFT_MSG_GETRULE). Returns 0 or -EBADMSG. */
int nat_rules_note(struct nat_rules *rules, const struct nlmsghdr *message);

/*
 * Reads the rules of the caller's network namespace, of tables that have a chain of type nat
 * (nat_tables.h). Returns 0, or -errno: -EPERM without CAP_NET_ADMIN, -EOPNOTSUPP if the kernel has
 * no nftables, -EINTR if they changed each time, -ENOMEM, or as netlink_dump().
 */
int nat_rules_read(struct nat_rules *ret_rules);

#endif
