// SPDX-License-Identifier: Apache-2.0
#include "descriptor_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/descriptors.h"
#include "unit.h"

struct workspace proc;
struct holdings found;

int set_up(void **state)
{
	(void)state;
	workspace_make(&proc);
	memset(&found, 0, sizeof(found));
	return 0;
}

int tear_down(void **state)
{
	(void)state;
	free(found.list);
	workspace_remove(&proc);
	return 0;
}

void scan_for(const int *pids, size_t pids_length, const uint32_t *inodes, size_t inodes_length,
    const struct timespec *deadline)
{
	assert_result(
	    descriptors_scan(proc.path, pids, pids_length, inodes, inodes_length, deadline, &found),
	    0);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct holding));
}

void assert_found(const char *wanted)
{
	char text[512] = "";

	if (found.length)
		qsort(found.list, found.length, sizeof(*found.list), compare);
	for (size_t i = 0; i < found.length && i < 20; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u:%d/%d ",
		    found.list[i].inode, found.list[i].pid, found.list[i].fd);
	assert_string_equal(text, wanted);
	assert_false(found.truncated || found.late);
}

void open_link(int pid, int fd, const char *link)
{
	fake_proc_open(&proc, pid, fd, link);
}
