/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CONNTRACK_H
#define EPHEMERA_CONNTRACK_H

/*
 * What netfilter's connection tracking knows: an entry for each connection that the network
 * namespace sends, gets or forwards. Only root may open /proc/net/nf_conntrack (mode 0440); whoever
 * has it open reads on without a privilege. Its lines: ct_seq_show() in
 * net/netfilter/nf_conntrack_standalone.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/socket.h"

/* From whom to whom packets of one direction go. */
struct conntrack_tuple {
	struct socket_address source;
	struct socket_address destination;
	uint16_t source_port; /* host byte order, as the other */
	uint16_t destination_port;
};

struct conntrack_entry {
	enum socket_protocol protocol;
	enum socket_family family;
	bool is_closing; /* of TCP, in TIME_WAIT or CLOSE */
	/*
	 * The conntrack zone of its answers; 0: the default one. A port of source NAT is taken in
	 * that zone alone: nf_conntrack_tuple_taken() in net/netfilter/nf_conntrack_core.c.
	 */
	uint16_t zone;
	/* As the first packet came, and as answers come: NAT is where they are no mirror images. */
	struct conntrack_tuple original;
	struct conntrack_tuple reply;
};

/* Whether its source was translated: answers go to another address or port. */
bool conntrack_is_translated(const struct conntrack_entry *entry);

/*
 * Reads a line of the file, without its newline. Returns 1; 0 if it is of another protocol than TCP
 * and UDP; or -EBADMSG.
 */
int conntrack_parse(const char *line, size_t length, struct conntrack_entry *ret_entry);

struct conntrack;

/*
 * Opens PROCFS/net/nf_conntrack, of the network namespace of the caller. procfs must outlive it.
 * Returns 0, -ENOMEM, or the
 * -errno of open(): -ENOENT if nothing tracks connections there, or the kernel has no such file
 * (CONFIG_NF_CONNTRACK_PROCFS).
 */
int conntrack_open(const char *procfs, struct conntrack **ret_conntrack);

/*
 * For conntrack_netlink_walk() in place of the file. Asks once whether that will work. Returns 0,
 * -ENOMEM, or as that.
 */
int conntrack_open_netlink(struct conntrack **ret_conntrack);
void conntrack_close(struct conntrack *conntrack); /* NULL is fine */

/*
 * Makes conntrack_walk() read the kernel's table by BPF in place of the file's lines, where that
 * can be: conntrack_table.h. Returns 0; or -errno, and in ret_reason why, a static string for a
 * log. Then the file goes on to be read.
 */
int conntrack_use_table(struct conntrack *conntrack, const char **ret_reason);

/* What the last walk read: "bpf", "proc" or "netlink". Before one: what the next one will. */
const char *conntrack_source(const struct conntrack *conntrack);

/*
 * Reads all entries of TCP and UDP, from the first one. Entries come and go meanwhile: one that
 * does may be left out or come twice. visit: returns 0, or -errno, which ends it. forget: of all
 * that was visited, since it was not all, or not true, and comes again. Returns 0, what visit
 * returned, -EBADMSG, the -errno of read(), or as conntrack_netlink_walk().
 *
 * Some kernels' file itself leaves some out, if others have ended since it was read last:
 * ct_seq_show() removes these while it is read, and each read() goes on at a place by its number.
 * Seen with Linux 6.1 and 6.12, not with 6.18.
 */
int conntrack_walk(struct conntrack *conntrack,
    int (*visit)(void *context, const struct conntrack_entry *entry), void (*forget)(void *context),
    void *context);

#endif
