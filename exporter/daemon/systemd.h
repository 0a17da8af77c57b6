/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SYSTEMD_H
#define EPHEMERA_SYSTEMD_H

/*
 * What systemd hands to a service, and what a service tells it: sd_listen_fds(3), sd_notify(3)
 * and sd_watchdog_enabled(3). These are a few variables and datagrams, documented and promised
 * to stay as they are; libsystemd would bring libraries for compression and cryptography into a
 * process that the network can reach.
 */

#include <stddef.h>

#define SYSTEMD_FIRST_FD 3 /* of the sockets passed; the others follow it */

/*
 * How many sockets were passed to this process, 1 or more, in ret_count; the variables that
 * say so are removed from the environment, whatever comes of it. Returns NULL, or why there is
 * none, in words that need not be freed. Not to be called once there are threads.
 */
const char *systemd_take_sockets(size_t *ret_count);

/* Whom to tell. */
struct systemd {
	int fd;			 /* -1: nobody */
	double watchdog_seconds; /* without a word for so long we are ended; 0: never */
};

/*
 * Connects to who wants to be told, while that is still allowed; that nobody does is no error.
 * Returns 0 or -errno; ret_systemd can be used in any case, and is closed by systemd_close().
 */
int systemd_open(struct systemd *ret_systemd);

/*
 * Sets watchdog_seconds to how often this process must say that it is alive. Returns NULL; or
 * what is wrong with it, in words that need not be freed, and it need not say so then.
 */
const char *systemd_read_watchdog(struct systemd *systemd);

/* Sends "READY=1", or several such lines. What is not taken within a second is lost. */
void systemd_tell(const struct systemd *systemd, const char *state);
void systemd_close(struct systemd *systemd);

#endif
