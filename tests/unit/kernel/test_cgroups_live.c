// SPDX-License-Identifier: Apache-2.0
/*
 * The processes of cgroups, as this host's own hierarchy tells them: a tree of directories
 * elsewhere is none, and what a cgroup.procs holds nobody can write but the kernel.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/kernel/cgroups.h"
#include "unit.h"

/* An id that no cgroup has: they count up from 1. */
#define GONE UINT64_C(0x7fffffff00000000)

static struct cgroups *cgroups;
static char hierarchy[64];
static char own[4096 + 64]; /* the directory of the cgroup that we are in */

struct listed {
	size_t length;
	int pids[4096];
	int result;  /* what to answer */
	size_t take; /* before the answer */
};

static int note(void *context, int pid)
{
	struct listed *listed = context;

	assert_true(listed->length < LENGTH(listed->pids));
	listed->pids[listed->length++] = pid;
	return listed->length > listed->take ? listed->result : 0;
}

static bool has(const struct listed *listed, int pid)
{
	for (size_t i = 0; i < listed->length; i++)
		if (listed->pids[i] == pid)
			return true;
	return false;
}

static int find_hierarchy(void)
{
	char line[4096];
	struct stat status;
	FILE *file = fopen("/proc/self/cgroup", "re");
	int result;

	cgroups = cgroups_new("/sys");
	assert_non_null(cgroups);
	result = cgroups_find_hierarchy(cgroups);
	if (result < 0 || !file) {
		if (file)
			fclose(file);
		return result < 0 ? result : -ENOENT;
	}
	/* As cgroups.c looks for it; of the two only version 2 has this file in its root. */
	snprintf(hierarchy, sizeof(hierarchy), "/sys/fs/cgroup");
	if (access("/sys/fs/cgroup/cgroup.procs", F_OK) < 0)
		snprintf(hierarchy, sizeof(hierarchy), "/sys/fs/cgroup/unified");
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "0::/", 4) == 0)
			snprintf(own, sizeof(own), "%s%.*s", hierarchy,
			    (int)strcspn(line + 3, "\n"), line + 3);
	fclose(file);
	return own[0] && stat(own, &status) == 0 ? 0 : -ENOENT;
}

static uint64_t id_of(const char *directory)
{
	struct stat status;

	assert_result(stat(directory, &status), 0);
	return status.st_ino;
}

static void our_own_cgroup_has_us(void **state)
{
	const uint64_t ids[] = {id_of(own)};
	struct listed listed = {0};

	(void)state;
	assert_result(cgroups_list_processes(cgroups, ids, 1, note, &listed), 0);
	assert_true(has(&listed, getpid()));
	for (size_t i = 0; i < listed.length; i++)
		assert_true(listed.pids[i] > 0);
}

static void a_cgroup_that_is_gone_has_none(void **state)
{
	const uint64_t ids[] = {GONE, id_of(own), GONE + 1};
	struct listed listed = {0};

	(void)state;
	assert_result(cgroups_list_processes(cgroups, ids, 1, note, &listed), 0);
	assert_int_equal(listed.length, 0);
	assert_result(cgroups_list_processes(cgroups, ids, 0, note, &listed), 0);
	assert_int_equal(listed.length, 0);
	/* It does not hide the others. */
	assert_result(cgroups_list_processes(cgroups, ids, 3, note, &listed), 0);
	assert_true(has(&listed, getpid()));
}

static void whoever_asks_may_end_it(void **state)
{
	const uint64_t ids[] = {id_of(own), id_of(hierarchy)};
	struct listed listed = {.result = -ENOMEM};

	(void)state;
	assert_result(
	    cgroups_list_processes(cgroups, ids, ids[0] == ids[1] ? 1 : 2, note, &listed), -ENOMEM);
	assert_int_equal(listed.length, 1);
}

#define DIRECTORIES 2
#define CHILDREN 3

/* What a test made, for tear_down() to take away however the test ended. */
static char directories[DIRECTORIES][sizeof(own) + 64];
static pid_t children[CHILDREN];

static void end_children(void)
{
	for (size_t i = 0; i < CHILDREN; i++) {
		if (children[i] > 0) {
			kill(children[i], SIGKILL);
			waitpid(children[i], NULL, 0);
		}
		children[i] = 0;
	}
}

static int remove_directories(void)
{
	int result = 0;

	for (size_t i = 0; i < DIRECTORIES; i++)
		if (directories[i][0] && rmdir(directories[i]) < 0 && errno != ENOENT)
			result = -errno;
	return result;
}

static int tear_down(void **state)
{
	(void)state;
	end_children();
	return remove_directories();
}

/* Joins the cgroup and then waits to be ended. Returns the child's pid, or -1. */
static pid_t start_in(const char *directory)
{
	char path[sizeof(own) + 128];
	const pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);

	FILE *file = fopen(path, "we");
	bool joined = file && fprintf(file, "%d\n", child) > 0;

	if (file && fclose(file) != 0)
		joined = false;
	if (joined)
		return child;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return -1;
}

static void a_cgroup_has_its_own_processes_alone(void **state)
{
	struct listed listed = {0};

	(void)state;
	for (int i = 0; i < DIRECTORIES; i++)
		snprintf(directories[i], sizeof(directories[i]), "%s/ephemera-test-%d-%d", own,
		    getpid(), i);
	if (mkdir(directories[0], 0755) < 0)
		skip(); /* not ours to change */
	children[0] = start_in(directories[0]);
	if (children[0] < 0)
		skip();
	assert_result(mkdir(directories[1], 0755), 0);

	const uint64_t ids[] = {id_of(directories[1]), id_of(directories[0])};

	children[1] = start_in(directories[1]);
	children[2] = start_in(directories[1]);
	assert_true(children[1] > 0 && children[2] > 0);
	assert_result(cgroups_list_processes(cgroups, &ids[1], 1, note, &listed), 0);
	assert_int_equal(listed.length, 1);
	assert_int_equal(listed.pids[0], children[0]);
	listed.length = 0;
	assert_result(cgroups_list_processes(cgroups, ids, 2, note, &listed), 0);
	assert_int_equal(listed.length, 3);
	for (size_t i = 0; i < CHILDREN; i++)
		assert_true(has(&listed, children[i]));
	/* What it answers ends the listing in the middle, and the next cgroup's too. */
	listed = (struct listed){.result = -EIO};
	assert_result(cgroups_list_processes(cgroups, ids, 2, note, &listed), -EIO);
	assert_int_equal(listed.length, 1);
	listed = (struct listed){.result = -EIO, .take = 1};
	assert_result(cgroups_list_processes(cgroups, ids, 2, note, &listed), -EIO);
	assert_int_equal(listed.length, 2);
	end_children();
	listed = (struct listed){0};
	assert_result(cgroups_list_processes(cgroups, ids, 2, note, &listed), 0);
	assert_int_equal(listed.length, 0);
	assert_result(remove_directories(), 0);
	/* Its name is known still, and leads nowhere. */
	assert_result(cgroups_list_processes(cgroups, ids, 2, note, &listed), 0);
	assert_int_equal(listed.length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(our_own_cgroup_has_us),
	    cmocka_unit_test(a_cgroup_that_is_gone_has_none),
	    cmocka_unit_test(whoever_asks_may_end_it),
	    cmocka_unit_test_teardown(a_cgroup_has_its_own_processes_alone, tear_down),
	};
	const int found = find_hierarchy();
	int result;

	if (found < 0) {
		fprintf(
		    stderr, "skipped: no version 2 hierarchy of cgroups: %s\n", strerror(-found));
		cgroups_free(cgroups);
		return SKIPPED;
	}
	result = cmocka_run_group_tests_name("cgroups_live", tests, NULL, NULL);
	cgroups_free(cgroups);
	return result;
}
