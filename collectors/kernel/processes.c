// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/processes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/clock.h"
#include "collectors/kernel/grow.h"
#include "collectors/kernel/procfs.h"

#define INIT_PID 1

struct seeker {
	const struct process_search_options *options;
	struct timespec deadline;
	size_t length;
	uint32_t *inodes; /* sorted */
	size_t pids_length;
	int *pids; /* to search; the first `seen` ones were, and are sorted */
	size_t seen;
	struct process_search *found;
};

static int compare_inodes(const void *a, const void *b)
{
	const uint32_t first = *(const uint32_t *)a;
	const uint32_t second = *(const uint32_t *)b;

	return first < second ? -1 : first > second;
}

static int compare_pids(const void *a, const void *b)
{
	const int first = *(const int *)a;
	const int second = *(const int *)b;

	return first < second ? -1 : first > second;
}

static int compare_holdings(const void *a, const void *b)
{
	const struct holding *first = a;
	const struct holding *second = b;

	if (first->inode != second->inode)
		return first->inode < second->inode ? -1 : 1;
	if (first->pid != second->pid)
		return first->pid < second->pid ? -1 : 1;
	return first->fd < second->fd ? -1 : first->fd > second->fd;
}

static int add_pid(void *context, int pid)
{
	struct seeker *seeker = context;
	int *grown = grow_for_one(seeker->pids, seeker->pids_length, sizeof(*seeker->pids));

	if (!grown)
		return -ENOMEM;
	seeker->pids = grown;
	seeker->pids[seeker->pids_length++] = pid;
	return 0;
}

static int add_cgroups(struct seeker *seeker, const struct socket_identity *sockets, size_t length)
{
	cleanup_free uint64_t *ids = calloc(length ? length : 1, sizeof(*ids));
	size_t distinct = 0;

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < length; i++) {
		bool known = sockets[i].cgroup_id == 0;

		for (size_t j = 0; j < distinct && !known; j++)
			known = ids[j] == sockets[i].cgroup_id;
		if (!known)
			ids[distinct++] = sockets[i].cgroup_id;
	}
	return cgroups_list_processes(seeker->options->cgroups, ids, distinct, add_pid, seeker);
}

static int add_everyone(struct seeker *seeker)
{
	DIR *directory = opendir(seeker->options->procfs);
	const struct dirent *entry;
	bool sees_init = false;
	int result = 0;

	if (!directory)
		return -errno;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this stream */
	while (result == 0 && (entry = readdir(directory))) {
		const int pid = procfs_number(entry->d_name);

		sees_init = sees_init || pid == INIT_PID;
		if (pid > 0 && !(seeker->seen && bsearch(&pid, seeker->pids, seeker->seen,
						     sizeof(pid), compare_pids)))
			result = add_pid(seeker, pid);
	}
	closedir(directory);
	/* Mounted with hidepid: we cannot read the processes that we cannot see. */
	if (!sees_init)
		seeker->found->holdings.unreadable++;
	seeker->found->whole = true;
	return result;
}

/* A process that changed its cgroup meanwhile was listed and searched twice. */
static void sort_holdings(struct holdings *holdings)
{
	struct holding *list = holdings->list;
	size_t kept = 0;

	if (!list)
		return;
	qsort(list, holdings->length, sizeof(*list), compare_holdings);
	for (size_t i = 0; i < holdings->length; i++)
		if (i == 0 || compare_holdings(&list[kept - 1], &list[i]) != 0)
			list[kept++] = list[i];
	holdings->length = kept;
}

/* Searches the processes that were added since the last time. */
static int look(struct seeker *seeker)
{
	const int result = descriptors_scan(seeker->options->procfs, seeker->pids + seeker->seen,
	    seeker->pids_length - seeker->seen, seeker->inodes, seeker->length,
	    seeker->options->seconds > 0 ? &seeker->deadline : NULL, &seeker->found->holdings);

	sort_holdings(&seeker->found->holdings);
	seeker->seen = seeker->pids_length;
	if (seeker->seen)
		qsort(seeker->pids, seeker->seen, sizeof(*seeker->pids), compare_pids);
	return result;
}

/* Whether every socket was found in a process. */
static bool has_all(const struct seeker *seeker)
{
	for (size_t i = 0; i < seeker->length; i++) {
		size_t length;
		const struct holding *holding =
		    process_search_holdings(seeker->found, seeker->inodes[i], &length);

		if (!holding || holding[length - 1].pid == INIT_PID)
			return false;
	}
	return true;
}

static void read_process(const char *procfs, struct process *process)
{
	char path[64];
	size_t length;
	char *text = NULL;

	snprintf(path, sizeof(path), "%d/comm", process->pid);
	if (procfs_read(procfs, path, sizeof(process->name), &text, &length) == 0) {
		text[strcspn(text, "\n")] = '\0';
		snprintf(process->name, sizeof(process->name), "%s", text);
	}
	free(text);
	text = NULL;
	snprintf(path, sizeof(path), "%d/cmdline", process->pid);
	if (procfs_read_start(procfs, path, PROCESS_COMMAND_MAX, &text, &length) < 0)
		return;
	while (length && text[length - 1] == '\0')
		length--;
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	if (length)
		process->command = text;
	else
		free(text);
}

static int read_processes(struct seeker *seeker)
{
	struct process_search *found = seeker->found;
	cleanup_free int *pids = calloc(found->holdings.length + 1, sizeof(*pids));

	if (!pids)
		return -ENOMEM;
	for (size_t i = 0; i < found->holdings.length; i++)
		pids[i] = found->holdings.list[i].pid;
	qsort(pids, found->holdings.length, sizeof(*pids), compare_pids);
	found->processes = calloc(found->holdings.length + 1, sizeof(*found->processes));
	if (!found->processes)
		return -ENOMEM;
	for (size_t i = 0; i < found->holdings.length; i++) {
		if (i && pids[i] == pids[i - 1])
			continue;

		struct process *process = &found->processes[found->processes_length++];

		process->pid = pids[i];
		read_process(seeker->options->procfs, process);
	}
	return 0;
}

static int search(struct seeker *seeker, const struct socket_identity *sockets, size_t length)
{
	int result = 0;

	for (size_t i = 0; i < length; i++)
		seeker->inodes[i] = sockets[i].inode;
	qsort(seeker->inodes, length, sizeof(*seeker->inodes), compare_inodes);
	seeker->deadline = clock_in(seeker->options->seconds);
	if (seeker->options->cgroups && !seeker->options->everyone) {
		result = add_cgroups(seeker, sockets, length);
		if (result == 0)
			result = look(seeker);
	}
	if (result == 0 && (seeker->options->everyone || !has_all(seeker))) {
		result = add_everyone(seeker);
		if (result == 0)
			result = look(seeker);
	}
	return result < 0 ? result : read_processes(seeker);
}

int process_search(const struct process_search_options *options,
    const struct socket_identity *sockets, size_t length, struct process_search **ret_search)
{
	struct process_search *found = calloc(1, sizeof(*found));
	cleanup_free uint32_t *inodes = calloc(length ? length : 1, sizeof(*inodes));
	struct seeker seeker = {
	    .options = options, .length = length, .inodes = inodes, .found = found};

	if (!found || !inodes) {
		free(found);
		return -ENOMEM;
	}

	const int result = length ? search(&seeker, sockets, length) : 0;

	free(seeker.pids);
	if (result < 0) {
		process_search_free(found);
		return result;
	}
	*ret_search = found;
	return 0;
}

void process_search_free(struct process_search *found)
{
	if (!found)
		return;
	for (size_t i = 0; i < found->processes_length; i++)
		free(found->processes[i].command);
	free(found->processes);
	free(found->holdings.list);
	free(found);
}

bool process_search_is_complete(const struct process_search *found)
{
	return found->whole && !found->holdings.unreadable && !found->holdings.truncated &&
	       !found->holdings.late;
}

const struct process *process_search_find(const struct process_search *found, int pid)
{
	size_t low = 0;
	size_t high = found->processes_length;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (found->processes[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return &found->processes[low];
}

const struct holding *process_search_holdings(
    const struct process_search *found, uint32_t inode, size_t *ret_length)
{
	size_t low = 0;
	size_t high = found->holdings.length;
	size_t end;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (found->holdings.list[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < found->holdings.length && found->holdings.list[end].inode == inode;)
		end++;
	*ret_length = end - low;
	return end > low ? &found->holdings.list[low] : NULL;
}
