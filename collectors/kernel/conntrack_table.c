// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/conntrack_table.h"

#include <errno.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "collectors/bpf/conntrack_table.h"
#include "collectors/bpf/conntrack_table.skel.h"
#include "collectors/bpf/conntrack_table_copy.skel.h"
#include "collectors/kernel/bpf_errors.h"
#include "collectors/kernel/bpf_iterator.h"

#include <bpf/libbpf.h>

/* As of the walk over sockets: a program does not yield the processor. */
#define STEPS 2048u
#define CHECKS 3 /* how often the table is walked at the start, until nothing moves meanwhile */

/* What the program writes. Both objects are made of the same source. */
typedef struct conntrack_table_bpf__bss found_memory;
_Static_assert(
    sizeof(struct conntrack_table_bpf__bss) == sizeof(struct conntrack_table_copy_bpf__bss),
    "the same variables, in the same order");

struct conntrack_table {
	/* Its request is a struct table_request, what it finds a found_memory. */
	struct bpf_iterator iterator;
	int file; /* the caller's */
};

void conntrack_table_close(struct conntrack_table *table)
{
	if (!table)
		return;
	bpf_iterator_close(&table->iterator);
	free(table);
}

static const struct table_state *state_of(const struct conntrack_table *table)
{
	const found_memory *found = table->iterator.found.at;

	return &found->state;
}

static int load(struct conntrack_table *table)
{
	const struct conntrack_table_bpf__rodata constants = {.table_file = (__u32)table->file};
	/* Others' files are of no interest. Before Linux 6.1 all come, until ours does. */
	union bpf_iter_link_info own = {.task = {.tid = (__u32)getpid()}};
	struct bpf_iter_attach_opts options;
	struct bpf_iterator_program program = {.name = "walk_table",
	    .options = &options,
	    .constants = &constants,
	    .constants_size = sizeof(constants)};

	/* Its padding must be 0, too. */
	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.link_info = &own;
	options.link_info_len = sizeof(own);
	program.objects[0].bytes = conntrack_table_bpf__elf_bytes(&program.objects[0].size);
	program.objects[1].bytes = conntrack_table_copy_bpf__elf_bytes(&program.objects[1].size);
	return bpf_iterator_load(&program, &table->iterator);
}

/* Whoever reads the file from its start is told where the table is now. */
static int find_table(const struct conntrack_table *table)
{
	char nothing;
	ssize_t length;

	do {
		if (lseek(table->file, 0, SEEK_SET) < 0)
			return -errno;
		length = read(table->file, &nothing, sizeof(nothing));
	} while (length < 0 && errno == EINTR);
	return length < 0 ? -errno : 0;
}

static int walk_part(const struct conntrack_table *table)
{
	const int result = bpf_iterator_step(&table->iterator);

	if (result < 0)
		return result;
	return state_of(table)->is_missing ? -EBADF : 0;
}

static int hand_on(const struct conntrack_table *table,
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context)
{
	const found_memory *found = table->iterator.found.at;
	const uint32_t records = found->state.records;

	for (uint32_t i = 0; i < records && i < TABLE_RECORDS; i++) {
		struct conntrack_entry entry;
		int result = conntrack_table_decode(&found->records[i], &entry);

		if (result == 0)
			result = visit(context, &entry);
		if (result < 0)
			return result;
	}
	return 0;
}

/* Whether all is well that was found, if the table is still where it was. */
static int look_back(const struct conntrack_table *table)
{
	int result = find_table(table);

	if (result == 0)
		result = walk_part(table);
	if (result < 0)
		return result;
	if (state_of(table)->has_moved)
		return -EAGAIN;
	return state_of(table)->cut ? -ENOBUFS : 0;
}

int conntrack_table_walk(struct conntrack_table *table,
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context)
{
	struct table_request *request = table->iterator.request.at;
	int result = request ? find_table(table) : -EBADF;

	if (result < 0)
		return result;
	request->steps = STEPS;
	request->serial++;
	do {
		result = walk_part(table);
		if (result == 0)
			result = hand_on(table, visit, context);
		if (result < 0)
			return result;
		/* The program held the processor: whoever waits for it comes first. */
		sched_yield();
	} while (!state_of(table)->is_done);
	return look_back(table);
}

static int count(void *context, const struct conntrack_entry *entry)
{
	(void)entry;
	++*(unsigned long *)context;
	return 0;
}

/*
 * A kernel can have its table elsewhere, or other entries in it. Then no chain would end with its
 * own number, as all do here.
 */
static int check(struct conntrack_table *table, const char **ret_reason)
{
	for (int i = 0; i < CHECKS; i++) {
		unsigned long entries = 0;
		const int result = conntrack_table_walk(table, count, &entries);

		if (result < 0 && result != -EAGAIN) {
			*ret_reason = bpf_errors_reason(result);
			return result;
		}
		if (result == 0 && state_of(table)->end && !state_of(table)->changed)
			return 0;
	}
	*ret_reason = "this kernel's table of connection tracking is another one than we know";
	return -EBADE;
}

/* A file of another file system has other things where the program looks. */
static bool is_of_procfs(int file)
{
	struct statfs filesystem;

	return fstatfs(file, &filesystem) == 0 && filesystem.f_type == PROC_SUPER_MAGIC;
}

int conntrack_table_open(int file, struct conntrack_table **ret_table, const char **ret_reason)
{
	struct conntrack_table *table;
	int result;

	if (sizeof(void *) < 8) {
		*ret_reason = "reading the table by BPF takes a 64-bit kernel";
		return -ENOSYS;
	}
	if (!is_of_procfs(file)) {
		*ret_reason = "net/nf_conntrack is no file of the kernel";
		return -EOPNOTSUPP;
	}
	table = calloc(1, sizeof(*table));
	if (!table) {
		*ret_reason = "out of memory";
		return -ENOMEM;
	}
	bpf_errors_silence();
	table->file = file;
	result = load(table);
	if (result < 0)
		*ret_reason = bpf_errors_reason(result);
	else
		result = check(table, ret_reason);
	if (result < 0) {
		conntrack_table_close(table);
		return result;
	}
	*ret_table = table;
	return 0;
}
