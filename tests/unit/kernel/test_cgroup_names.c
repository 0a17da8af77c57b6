// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/cgroup_names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "collectors/kernel/cgroups.h"
#include "unit.h"

/* CMakeLists.txt puts these in the place of the real ones: cgroups that do not exist. */
struct cgroups *__wrap_cgroups_new(const char *sysfs);
void __wrap_cgroups_free(struct cgroups *cgroups);
void __wrap_cgroups_forget_old(struct cgroups *cgroups);
int __wrap_cgroups_resolve(
    struct cgroups *cgroups, const uint64_t *ids, size_t length, const char **ret_paths);

static bool has_memory;
static int resolving; /* what looking up returns */
static unsigned lookups;
static bool is_gone;

struct cgroups *__wrap_cgroups_new(const char *sysfs)
{
	static char one;

	assert_string_equal(sysfs, "/sys");
	return has_memory ? (struct cgroups *)&one : NULL;
}

void __wrap_cgroups_free(struct cgroups *cgroups)
{
	(void)cgroups;
}

void __wrap_cgroups_forget_old(struct cgroups *cgroups)
{
	assert_non_null(cgroups);
}

int __wrap_cgroups_resolve(
    struct cgroups *cgroups, const uint64_t *ids, size_t length, const char **ret_paths)
{
	static char path[64];

	assert_non_null(cgroups);
	assert_int_equal(length, 1);
	lookups++;
	snprintf(path, sizeof(path), "/system.slice/%llu.service", (unsigned long long)ids[0]);
	ret_paths[0] = is_gone ? NULL : path;
	return resolving;
}

static struct cgroup_names *names;

static int set_up(void **state)
{
	(void)state;
	has_memory = true;
	resolving = 0;
	lookups = 0;
	is_gone = false;
	names = cgroup_names_new("/sys");
	assert_non_null(names);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cgroup_names_free(names);
	return 0;
}

static void assert_found(uint64_t id, const char *wanted)
{
	const struct cgroup_name *name = cgroup_names_find(names, id);

	assert_non_null(name);
	assert_string_equal(name->path, wanted);
}

static void a_name_is_kept_when_the_cgroup_is_gone(void **state)
{
	(void)state;
	assert_found(7, "/system.slice/7.service");
	is_gone = true;
	assert_found(7, "/system.slice/7.service");
	assert_int_equal(lookups, 1);
	/* And one that has none is not looked for again and again. */
	assert_found(9, "id:9");
	assert_found(9, "id:9");
	assert_int_equal(lookups, 2);
}

static void names_that_are_asked_for_outlive_the_others(void **state)
{
	(void)state;
	for (uint64_t id = 1; id <= 20000; id++) {
		char wanted[64];

		snprintf(
		    wanted, sizeof(wanted), "/system.slice/%llu.service", (unsigned long long)id);
		assert_found(id, wanted);
		assert_found(7, "/system.slice/7.service");
	}
	assert_int_equal(lookups, 20000);
	is_gone = true;
	assert_found(20000, "/system.slice/20000.service");
	/* Not so one of long ago. */
	assert_found(11, "id:11");
}

static void errors_are_told(void **state)
{
	(void)state;
	resolving = -ENOMEM;
	assert_null(cgroup_names_find(names, 7));
	has_memory = false;
	assert_null(cgroup_names_new("/sys"));
	cgroup_names_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_name_is_kept_when_the_cgroup_is_gone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		names_that_are_asked_for_outlive_the_others, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(errors_are_told, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("cgroup_names", tests, NULL, NULL);
}
