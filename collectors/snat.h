/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SNAT_H
#define EPHEMERA_SNAT_H

/* What the snat collector and the commands that show its pools have in common. */

#include "collectors/tables/snat_pools.h"

/* The positions of the collector's flags. */
enum snat_flag {
	SNAT_PORTS,
	SNAT_LIMIT,
	SNAT_MINIMUM_PERCENT,
	SNAT_CLIENTS_LIMIT,
	SNAT_TRACKED_LIMIT,
	SNAT_NETLINK,
	SNAT_PROC,
};

/* How pools of these ports are counted, by the values of the flags and the kernel that runs. */
struct snat_pools_options snat_pools_options_of(
    const unsigned long *values, struct port_range ports);

/*
 * Opens the entries of connection tracking: the file below procfs, or netlink if the flag of that
 * name says so. Returns 0, or -errno as conntrack_open() and conntrack_open_netlink().
 */
int snat_open(const unsigned long *values, const char *procfs, struct conntrack **ret_conntrack);

#endif
