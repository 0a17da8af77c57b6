/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_MIB_H
#define EPHEMERA_MIB_H

/*
 * Counters of the network stack, from /proc/net/snmp and /proc/net/netstat: of the reader's network
 * namespace since it was made, IPv4 and IPv6 together. Both files have pairs of lines, names and
 * values. Each kernel has its own selection, so fields are found by name.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mib_counter {
	const char *group; /* the lines' prefix without its colon, such as "TcpExt" */
	const char *name;  /* such as "ListenDrops" */
	bool found;	   /* set by mib_parse() */
	uint64_t value;	   /* of a counter that was found */
};

/*
 * Looks up all counters in text, which need not end in NUL. A missing counter is no error. Returns
 * 0; or -EBADMSG if a group's names and values do not match, or a value is not a number.
 */
int mib_parse(const char *text, size_t length, struct mib_counter *counters, size_t count);

/*
 * The same for PROCFS/net/NAME; also open's and read's -errno, and -ENOMEM. procfs: NULL for
 * another namespace, of which no counter is found.
 */
int mib_read(const char *procfs, const char *name, struct mib_counter *counters, size_t count);

#endif
