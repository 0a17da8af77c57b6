/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SETTINGS_H
#define EPHEMERA_SETTINGS_H

/*
 * The settings below /proc/sys/net that decide which ports connect() and bind() may take and when
 * they come back. They are those of the reader's network namespace, wherever procfs is mounted.
 * They can change at any time: read them for every scrape.
 */

#include "collectors/kernel/portset.h"

#define SETTING_ABSENT (-1) /* this kernel has no such setting */

struct settings {
	struct port_range range;      /* ip_local_port_range, both ends included */
	struct portset reserved;      /* ip_local_reserved_ports, inside the range or not */
	int unprivileged_first_port;  /* ip_unprivileged_port_start (4.11) */
	int time_wait_reuse;	      /* tcp_tw_reuse: 0 never, 1 always, 2 on loopback */
	int time_wait_reuse_delay_ms; /* tcp_tw_reuse_delay (6.14); 1,000 before it existed */
	int fin_timeout_seconds;      /* tcp_fin_timeout */
	struct port_range node_ports; /* not the kernel's: see struct source_options */
	int bind_ipv6_only;	      /* bindv6only: the default of IPV6_V6ONLY */
};

/* Whether bind() to the port needs CAP_NET_BIND_SERVICE. Before 4.11 the limit was fixed. */
static inline bool settings_is_privileged(const struct settings *settings, uint16_t port)
{
	const int first = settings->unprivileged_first_port;

	return port < (first == SETTING_ABSENT ? 1024 : first);
}

/*
 * Reads them below procfs (a path such as "/proc"). Returns 0; or -errno if the range or the
 * reserved ports cannot be read (-EBADMSG: not in the kernel's form), and in ret_file, which may be
 * NULL, which file below procfs that is. Any other setting that cannot be read is SETTING_ABSENT,
 * unless memory or descriptors ran out. node_ports is set to 0-0, which has no port.
 */
int settings_read(const char *procfs, struct settings *ret_settings, const char **ret_file);

#endif
