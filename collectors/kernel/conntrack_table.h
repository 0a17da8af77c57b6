/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CONNTRACK_TABLE_H
#define EPHEMERA_CONNTRACK_TABLE_H

/*
 * The entries of connection tracking, read from the kernel's own table by a BPF program: without
 * the text that /proc/net/nf_conntrack makes of each, which costs more than all the rest.
 */

#include "collectors/kernel/conntrack.h"

struct table_record;
struct conntrack_table;

/*
 * Loads the program for a descriptor of PROCFS/net/nf_conntrack, which the caller keeps open at the
 * same number: the kernel says there where the table is. Needs CAP_BPF, CAP_PERFMON, the kernel's
 * BTF, a 64-bit kernel and Linux 5.17; conntrack_table_walk() needs no capability. Returns 0; or
 * -errno, and in ret_reason why, a static string for a log.
 */
int conntrack_table_open(int file, struct conntrack_table **ret_table, const char **ret_reason);
void conntrack_table_close(struct conntrack_table *table); /* NULL is fine */

/*
 * Calls visit for all entries of TCP and UDP of the namespace that the file was opened in. Entries
 * that come or go meanwhile may be left out or come twice. visit: returns 0, or -errno, which ends
 * it. Returns 0, that, or -errno: -EAGAIN if the kernel made a new table meanwhile (sysctl
 * net.netfilter.nf_conntrack_buckets), so that entries are missing or double; -ENOBUFS if a chain
 * was too long; or of read(). One thread at a time.
 */
int conntrack_table_walk(struct conntrack_table *table,
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context);

/* Reads what the program wrote of an entry. Returns -EBADMSG if that is no entry. */
int conntrack_table_decode(const struct table_record *record, struct conntrack_entry *ret_entry);

#endif
