/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAMESPACE_H
#define EPHEMERA_NAMESPACE_H

/*
 * Puts this process into a network namespace of its own, as root there, which an ordinary
 * user is in a user namespace. Returns 0 or -errno.
 */
int namespace_enter(void);

/* Takes the loopback interface of a new namespace up. Returns 0 or -errno. */
int namespace_loopback_up(void);

#endif
