/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_PROCESS_HOST_H
#define EPHEMERA_UNIT_PROCESS_HOST_H

/* A /proc of a test's own, and what is found in it. */

#include "collectors/kernel/processes.h"
#include "fake_proc.h"

extern struct workspace proc;
extern struct process_search *found; /* of the last search */

/*
 * In the place of cgroups_list_processes(): the cgroup 2 has the processes 21, 22 and 23, 3 has 31
 * and 21, 4 has 1 and 41, 5 has 52, and 6 has 62, 61, and 62 again.
 */
extern struct listed_cgroups {
	uint64_t asked[8]; /* for which cgroups, one after the other */
	size_t asked_length;
	int result; /* what to return instead of anything */
} listed;

int set_up(void **state);
int tear_down(void **state);

/* A process; one that has a descriptor. */
void add(int pid, const char *name);
void add_holder(int pid, const char *name, int fd, const char *link);

void search_with(const struct process_search_options *options,
    const struct socket_identity *sockets, size_t length);
/* With or without these cgroups. */
struct process_search_options options_of(bool with_cgroups);
/* Without them. */
void search_everywhere(const struct socket_identity *sockets, size_t length);

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
