/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_DESCRIPTOR_HOST_H
#define EPHEMERA_UNIT_DESCRIPTOR_HOST_H

/* A /proc of a test's own, and the descriptors that are found in it. */

#include "collectors/kernel/descriptors.h"
#include "fake_proc.h"

extern struct workspace proc;
extern struct holdings found;

int set_up(void **state);
int tear_down(void **state);

/* A descriptor: what its link says. */
void open_link(int pid, int fd, const char *link);

/* Adds to what was found. */
void scan_for(const int *pids, size_t pids_length, const uint32_t *inodes, size_t inodes_length,
    const struct timespec *deadline);
/* "INODE:PID/FD ..." in some fixed order; and that is all. */
void assert_found(const char *wanted);

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
