// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/namespace_enter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/kernel/netns_names.h"
#include "collectors/kernel/walk.h"
#include "exporter/answers/namespaces_text.h"
#include "exporter/base/number.h"
#include "exporter/base/rights.h"
#include "exporter/base/text.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/namespace_hint.h"
#include "exporter/commands/option_value.h"

/* PID_MAX_LIMIT of linux/threads.h. The inodes of namespaces are far beyond. */
#define PID_MAX 4194304ul

#define CALLED_SIZE (NAME_MAX + 32) /* "network namespace " and a name */

bool namespace_is_all(const struct options *options)
{
	return options->namespace && strcmp(options->namespace, "all") == 0;
}

int namespace_check(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	if (!options->namespace)
		return 0;
	if (options->at)
		return option_fail(error, "--namespace and --at cannot be combined");
	if (options->source.replay)
		return option_fail(error, "--namespace and --sockets.replay cannot be combined");
	return 0;
}

__attribute__((format(printf, 3, 4))) static int fail(
    char error[static NAMESPACE_ERROR_SIZE], int result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, NAMESPACE_ERROR_SIZE, format, arguments);
	va_end(arguments);
	text_make_printable(error);
	return result;
}

/* what: with "needs" at its end. */
static int refuse(char error[static NAMESPACE_ERROR_SIZE], const char *what, const char *name,
    const char *names, uint64_t wanted)
{
	char advice[RIGHTS_TEXT_SIZE];
	struct rights rights;

	rights_read(&rights);
	rights_explain(&rights, wanted, advice);
	return fail(error, -EPERM, "%s%s needs %s: %s", what, name, names, advice);
}

static int refuse_entry(char error[static NAMESPACE_ERROR_SIZE])
{
	return refuse(error, "entering another network namespace", "",
	    "CAP_SYS_ADMIN and CAP_SYS_PTRACE", RIGHT_SYS_ADMIN | RIGHT_SYS_PTRACE);
}

static uint32_t inode_of(const char *path)
{
	struct stat about;

	return stat(path, &about) < 0 ? 0 : (uint32_t)about.st_ino;
}

static bool is_ours(uint32_t inode)
{
	return inode == inode_of("/proc/self/ns/net");
}

/* Where this process began; 0: it has not moved. */
static uint32_t home;

static int move_to(int file)
{
	if (!home)
		home = inode_of("/proc/self/ns/net");
	return setns(file, CLONE_NEWNET) < 0 ? -errno : 0;
}

bool namespace_was_left(void)
{
	return home && !is_ours(home);
}

/*
 * Returns the descriptor, or -errno; -EINVAL: it is no namespace. To open a FIFO would wait for who
 * writes to it, to open a device may start something.
 */
static int open_namespace(const char *path)
{
	struct stat about;
	int file;

	if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
		return -EINVAL;
	/* Who may write in the directory can put a FIFO there since. */
	file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return file < 0 ? -errno : file;
}

/*
 * Enters the one that path leads to. inode: it must have; 0: any. A process can end after it was
 * found, and another have its pid. what: to name it in an error.
 */
static int enter_path(
    const char *path, uint32_t inode, const char *what, char error[static NAMESPACE_ERROR_SIZE])
{
	const int file = open_namespace(path);
	int result = file < 0 ? file : 0;
	struct stat about = {0};

	if (result == -EACCES || result == -EPERM)
		return refuse(error, "looking at ", what, "CAP_SYS_PTRACE", RIGHT_SYS_PTRACE);
	if (result < 0 && result != -EINVAL)
		return fail(error, result, "cannot open %s: %s", what, strerrordesc_np(-result));
	if (result == 0 && fstat(file, &about) == 0 && inode && about.st_ino != inode)
		result = -ESTALE;
	if (result == 0 && !is_ours((uint32_t)about.st_ino))
		result = move_to(file);
	if (file >= 0)
		close(file);
	if (result == -EPERM)
		return refuse_entry(error);
	if (result == -EINVAL)
		return fail(error, result, "%s is not a network namespace", path);
	if (result < 0)
		return fail(error, result, "cannot enter %s: %s", what, strerrordesc_np(-result));
	return 0;
}

/* Finds the entry of directory which, with suffix behind it, is that namespace. */
static bool find_inode(
    const char *directory, const char *suffix, uint32_t inode, char path[static PATH_MAX])
{
	DIR *entries = opendir(directory);
	const struct dirent *entry;
	bool found = false;

	while (entries && !found && (entry = readdir(entries))) {
		const int length =
		    snprintf(path, PATH_MAX, "%s/%s%s", directory, entry->d_name, suffix);

		found = length < PATH_MAX && inode_of(path) == inode;
	}
	if (entries)
		closedir(entries);
	return found;
}

/*
 * Apart from the answer, which others may read: pasted as it is, a command of the answer would
 * change the namespace of whoever pastes it.
 */
static int enter_and_say(const struct options *options, const char *path, uint32_t inode,
    const char *what, char error[static NAMESPACE_ERROR_SIZE])
{
	const uint32_t number = inode_of(path);
	const char *shown = path;
	char other[PATH_MAX];
	int result;

	if (is_ours(number))
		return enter_path(path, inode, what, error);
	/* Before it is entered: this process would be found there. */
	if (!namespace_hint_can_show(path))
		shown = find_inode(options->procfs, "/ns/net", number, other) ? other : NULL;
	result = enter_path(path, inode, what, error);
	if (result == 0)
		namespace_hint_print(stderr, what,
		    options->command->prints_commands && !options->oneline ? shown : NULL);
	return result;
}

static int enter_process(
    const struct options *options, unsigned long pid, char error[static NAMESPACE_ERROR_SIZE])
{
	char path[PATH_MAX];
	char what[64];

	snprintf(path, sizeof(path), "%s/%lu", options->procfs, pid);
	if (access(path, F_OK) < 0)
		return fail(error, -ESRCH, "there is no process %lu", pid);
	snprintf(path, sizeof(path), "%s/%lu/ns/net", options->procfs, pid);
	snprintf(what, sizeof(what), "the network namespace of process %lu", pid);
	return enter_and_say(options, path, 0, what, error);
}

/* Writes a name that it has in --path.netns, as "ephemera namespaces" shows it. */
static bool find_name(const struct options *options, uint32_t inode, char name[static NAME_MAX + 1])
{
	struct netns_names names = {0};
	const char *found = netns_names_read(options->namespaces.names, &names) < 0
				? NULL
				: netns_names_find(&names, inode);

	if (found)
		snprintf(name, NAME_MAX + 1, "%s", found);
	netns_names_release(&names);
	return found;
}

/* Writes what leads to it, and what it is called: by its name, or its number if it has none. */
static bool find_path(const struct options *options, uint32_t inode, char path[static PATH_MAX],
    char called[static CALLED_SIZE])
{
	char name[NAME_MAX + 1];

	if (find_name(options, inode, name)) {
		snprintf(called, CALLED_SIZE, "network namespace %s", name);
		return snprintf(path, PATH_MAX, "%s/%s", options->namespaces.names, name) <
		       PATH_MAX;
	}
	snprintf(called, CALLED_SIZE, "network namespace %u", inode);
	/* What its file is called may be no name: see netns_names_is_number(). */
	return find_inode(options->procfs, "/ns/net", inode, path) ||
	       find_inode(options->namespaces.names, "", inode, path);
}

/* what: NULL: it is called as find_path() writes. */
static int enter_inode(const struct options *options, uint32_t inode, const char *what,
    char error[static NAMESPACE_ERROR_SIZE])
{
	char path[PATH_MAX];
	char called[CALLED_SIZE];
	struct rights rights;

	if (is_ours(inode))
		return 0;
	if (find_path(options, inode, path, called))
		return enter_and_say(options, path, inode, what ? what : called, error);
	rights_read(&rights);
	/* Those of others' processes cannot be read then. */
	if (!(rights.has & RIGHT_SYS_PTRACE))
		return refuse_entry(error);
	return fail(error, -ENOENT,
	    "%s cannot be entered: no process that is visible here is in it, and it has no name in "
	    "%s",
	    what ? what : called, options->namespaces.names);
}

int namespace_enter_row(const struct options *options, const struct namespace_row *row,
    char error[static NAMESPACE_ERROR_SIZE])
{
	char title[NAMESPACE_TITLE];
	char what[NAMESPACE_TITLE + 32];

	namespace_title(row, title);
	snprintf(what, sizeof(what), "%s %s",
	    row->labels.pod ? "the network namespace of pod" : "network namespace", title);
	return enter_inode(options, row->inode, what, error);
}

/* Adds one of several that are called alike, with the number that tells it from them. */
static void add_candidate(char error[static NAMESPACE_ERROR_SIZE], const struct namespace_row *row)
{
	const size_t length = strlen(error);
	char title[NAMESPACE_TITLE];

	namespace_title(row, title);
	snprintf(error + length, NAMESPACE_ERROR_SIZE - length, "%s%.120s (%u)", length ? ", " : "",
	    title, row->inode);
}

int namespace_find_pod(const struct namespace_rows *rows, const char *name, uint32_t *ret_inode,
    char error[static NAMESPACE_ERROR_SIZE])
{
	char candidates[NAMESPACE_ERROR_SIZE] = "";
	size_t found = 0;

	for (size_t i = 0; i < rows->length; i++) {
		if (!netns_labels_are_of(&rows->list[i].labels, name))
			continue;
		add_candidate(candidates, &rows->list[i]);
		*ret_inode = rows->list[i].inode;
		found++;
	}
	if (found > 1)
		return fail(
		    error, -ENOTUNIQ, "several pods are called %.100s: %.350s", name, candidates);
	return found ? 0 : -ENOENT;
}

/* inode: of one of them. */
static const struct namespace_row *row_of(const struct namespace_rows *rows, uint32_t inode)
{
	const struct namespace_row *row = rows->list;

	while (row->inode != inode)
		row++;
	return row;
}

/* A pod's namespace is known by the cgroups of its sockets, so all sockets are read. */
static int enter_pod(const struct options *options, char error[static NAMESPACE_ERROR_SIZE])
{
	struct options walking = *options;
	struct namespace_rows *rows = NULL;
	const char *reason = NULL;
	uint32_t inode = 0;
	int result = kernel_tables_open_all(&walking, &reason);

	if (result == 0)
		result = namespace_rows_read(
		    &walking.source, walking.sysfs, walking.pods, walking.namespaces.names, &rows);
	walk_close(walking.source.walk);
	if (result < 0 || !rows)
		return fail(error, result, "\"%.100s\" is not in %s, and pods cannot be found: %s",
		    options->namespace, options->namespaces.names,
		    reason ? reason : strerrordesc_np(-result));
	result = namespace_find_pod(rows, options->namespace, &inode, error);
	if (result == 0)
		result = namespace_enter_row(options, row_of(rows, inode), error);
	else if (result == -ENOENT)
		fail(error, result,
		    "no network namespace and no pod is called \"%.100s\"; \"ephemera namespaces\" "
		    "lists them",
		    options->namespace);
	namespace_rows_free(rows);
	return result;
}

int namespace_enter(const struct options *options, char error[static NAMESPACE_ERROR_SIZE])
{
	const char *name = options->namespace;
	unsigned long number = 0;
	char path[PATH_MAX];
	char what[CALLED_SIZE];

	if (!name)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", options->namespaces.names, name);
	if (!strchr(name, '/') && name[0] != '.' && !netns_names_is_number(name) &&
	    access(path, F_OK) == 0) {
		snprintf(what, sizeof(what), "network namespace %s", name);
		return enter_and_say(options, path, 0, what, error);
	}
	if (!number_parse(name, 1, UINT32_MAX, &number))
		return enter_pod(options, error);
	return number <= PID_MAX ? enter_process(options, number, error)
				 : enter_inode(options, (uint32_t)number, NULL, error);
}
