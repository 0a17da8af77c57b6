/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESCRIPTOR_LIMIT_H
#define EPHEMERA_DESCRIPTOR_LIMIT_H

/* How many descriptors the process may open: RLIMIT_NOFILE of getrlimit(2). */

/*
 * Raises the soft limit to `wanted`, or as far as the hard limit allows, which needs no privilege.
 * Never lowers it. Returns the soft limit that then holds, at most LONG_MAX, or -errno.
 */
long descriptor_limit_raise(unsigned long wanted);

/*
 * How many of the connections fit into the limit, at least 1, if `others` descriptors are needed
 * for other things.
 */
unsigned descriptor_limit_fit(long limit, unsigned connections, unsigned others);

#endif
