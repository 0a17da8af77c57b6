/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAT_SETS_H
#define EPHEMERA_NAT_SETS_H

/*
 * The sets of protocols that rules of nftables match with: "meta l4proto { icmp, gre }". Only those
 * that hold single values of one byte and no packet adds to are kept.
 */

#include <stdbool.h>
#include <stddef.h>

struct nlmsghdr;

#define NAT_SETS_MAX 32
#define NAT_SET_NAME 256 /* NFT_SET_MAXNAMELEN, with the end */

struct nat_set {
	char name[NAT_SET_NAME];
	bool has_ports; /* TCP or UDP is in it */
};

/* Of one table. If it has more, the rest is not known. */
struct nat_sets {
	size_t length;
	struct nat_set list[NAT_SETS_MAX];
};

/* Notes one message of a dump of sets (NFT_MSG_GETSET). Returns 0 or -EBADMSG. */
int nat_sets_note(struct nat_sets *sets, const struct nlmsghdr *message);

/* Notes one message of a dump of a set's elements (NFT_MSG_GETSETELEM). Returns 0 or -EBADMSG. */
int nat_set_note_elements(struct nat_set *set, const struct nlmsghdr *message);

/*
 * Whether it is known that a set of that name has neither TCP nor UDP. name: length bytes, with the
 * end. sets: NULL: none are known.
 */
bool nat_sets_are_others(const struct nat_sets *sets, const void *name, size_t length);

#endif
