/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_INTERFACE_H
#define EPHEMERA_INTERFACE_H

/*
 * Names of network interfaces. if_indextoname() needs ioctl() and a socket of another family, which
 * the daemon's sandbox refuses (exporter/daemon/sandbox.h); RTM_GETLINK needs only netlink.
 */

#include <net/if.h>
#include <stdint.h>

/*
 * Writes the name of the interface with that index in the caller's namespace. Returns 0; -ENODEV if
 * there is none; or another -errno of netlink_get_route(). After an error name is "".
 */
int interface_name(uint32_t index, char name[static IF_NAMESIZE]);

/*
 * Finds the index of the interface with that name in the caller's namespace. Returns 0; -ENODEV if
 * there is none; or another -errno of netlink_get_route().
 */
int interface_find(const char *name, uint32_t *ret_index);

#endif
