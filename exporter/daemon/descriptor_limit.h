/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESCRIPTOR_LIMIT_H
#define EPHEMERA_DESCRIPTOR_LIMIT_H

/* How many descriptors the process may open: RLIMIT_NOFILE of getrlimit(2). */

/*
 * Raises the soft limit to that where it is lower, as far as the hard limit allows, which takes no
 * privilege. It is never lowered. Returns the soft limit that holds then, LONG_MAX at most, or
 * -errno.
 */
long descriptor_limit_raise(unsigned long wanted);

/*
 * So many of the connections, 1 at the least, fit into that limit beside the descriptors that are
 * needed for other things.
 */
unsigned descriptor_limit_fit(long limit, unsigned connections, unsigned others);

#endif
