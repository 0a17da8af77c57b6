/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BOUND_PROBE_H
#define EPHEMERA_BOUND_PROBE_H

/*
 * Finds out whether the kernel lists sockets that only bind() (BOUND_INACTIVE, Linux 6.8 or a
 * backport): binds one, and sees whether a walk finds it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/kernel/source.h"

struct bound_probe {
	int fd;	       /* -1: no socket could be bound */
	uint16_t port; /* of that socket */
	unsigned long inode;
	bool seen;
	const struct source_observer *outer;
};

/*
 * Binds a socket to a port that no connect() uses: outside the range in procfs. If that fails, the
 * kernel's release decides. Passes what is observed on to outer, except the probe's own socket.
 */
void bound_probe_open(
    struct bound_probe *probe, const char *procfs, const struct source_observer *outer);
int bound_probe_observe(void *probe, const struct socket *socket);
int bound_probe_batch(void *probe);
bool bound_probe_answer(const struct bound_probe *probe);
void bound_probe_close(struct bound_probe *probe);

/* The answer by the kernel's release only. */
bool bound_probe_by_release(void);

#endif
