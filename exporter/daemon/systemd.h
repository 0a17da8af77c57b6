/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SYSTEMD_H
#define EPHEMERA_SYSTEMD_H

/*
 * systemd's interface for services: sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3). It
 * is a few variables and datagrams, documented and stable. libsystemd would bring libraries for
 * compression and cryptography into a process that the network can reach.
 */

#include <stddef.h>

#define SYSTEMD_FIRST_FD 3 /* the first of the sockets passed; the others follow it */

/*
 * Sets ret_count to the number of sockets passed to this process, 1 or more, and removes the
 * variables from the environment in any case. Returns NULL, or why there is none, a static string.
 * Call it before there are threads.
 */
const char *systemd_take_sockets(size_t *ret_count);

/* That number, or 0, without removing the variables. */
size_t systemd_count_sockets(void);

/* The connection to the service manager. */
struct systemd {
	int fd;			 /* -1: there is none */
	double watchdog_seconds; /* it ends us if it hears nothing for so long; 0: never */
};

/*
 * Connects to the service manager. Call it before the sandbox. It is no error if there is no
 * manager. Returns 0 or -errno; ret_systemd is usable in any case; close it by systemd_close().
 */
int systemd_open(struct systemd *ret_systemd);

/*
 * Sets watchdog_seconds: the manager must hear from this process within that time. Returns NULL; or
 * what is wrong with the setting, a static string, and watchdog_seconds stays 0.
 */
const char *systemd_read_watchdog(struct systemd *systemd);

/* Sends "READY=1" or several such lines. Gives up after a second. */
void systemd_tell(const struct systemd *systemd, const char *state);
void systemd_close(struct systemd *systemd);

#endif
