// SPDX-License-Identifier: Apache-2.0
#include "process_host.h"

#include <string.h>

#include "collectors/kernel/processes.h"
#include "unit.h"

struct workspace proc;
struct process_search *found;

struct listed_cgroups listed;

int __wrap_cgroups_list_processes(struct cgroups *cgroups, const uint64_t *ids, size_t length,
    int (*each)(void *context, int pid), void *context);

#define CGROUPS 7
static const int members[CGROUPS][4] = {
    [2] = {21, 22, 23}, [3] = {31, 21}, [4] = {1, 41}, [5] = {52}, [6] = {62, 61, 62}};

int __wrap_cgroups_list_processes(struct cgroups *cgroups, const uint64_t *ids, size_t length,
    int (*each)(void *context, int pid), void *context)
{
	int result = listed.result;

	assert_non_null(cgroups);
	for (size_t i = 0; i < length; i++) {
		assert_true(listed.asked_length < LENGTH(listed.asked));
		listed.asked[listed.asked_length++] = ids[i];
		assert_true(ids[i] < CGROUPS);
		for (size_t j = 0; result == 0 && members[ids[i]][j]; j++)
			result = each(context, members[ids[i]][j]);
	}
	return result;
}

int set_up(void **state)
{
	(void)state;
	workspace_make(&proc);
	memset(&listed, 0, sizeof(listed));
	found = NULL;
	return 0;
}

int tear_down(void **state)
{
	(void)state;
	process_search_free(found);
	workspace_remove(&proc);
	return 0;
}

void add(int pid, const char *name)
{
	fake_proc_add(&proc, pid, name, "", 0);
}

void add_holder(int pid, const char *name, int fd, const char *link)
{
	add(pid, name);
	fake_proc_open(&proc, pid, fd, link);
}

struct process_search_options options_of(bool with_cgroups)
{
	static char place;

	return (struct process_search_options){
	    .procfs = proc.path, .cgroups = with_cgroups ? (struct cgroups *)(void *)&place : NULL};
}

void search_with(const struct process_search_options *options,
    const struct socket_identity *sockets, size_t length)
{
	process_search_free(found);
	found = NULL;
	assert_result(process_search(options, sockets, length, &found), 0);
}

void search_everywhere(const struct socket_identity *sockets, size_t length)
{
	const struct process_search_options options = options_of(false);

	search_with(&options, sockets, length);
}
