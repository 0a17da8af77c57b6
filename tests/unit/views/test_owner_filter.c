// SPDX-License-Identifier: Apache-2.0
/* Whom --by means, by a /proc and pods that do not exist. */
#include "collectors/views/owner_filter.h"

#include "fake_proc.h"
#include "unit.h"

#define UID "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
#define ID "d0c3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071"
#define POD                                                                                   \
	"/kubepods.slice/kubepods-burstable.slice/"                                           \
	"kubepods-burstable-pod0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9.slice/cri-containerd-" ID \
	".scope"

static struct workspace proc;
static struct workspace pods;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&proc);
	workspace_make(&pods);
	fake_proc_add(&proc, 12, "curl\n", "curl", 4);
	fake_proc_add(&proc, 13, "curl\n", "curl", 4);
	fake_proc_add(&proc, 14, "nginx\n", "nginx", 5);
	workspace_write(&proc, "12/cgroup", "1:name=systemd:/old\n0::/user.slice/a\n");
	workspace_write(&proc, "13/cgroup", "0::/user.slice/b\n");
	workspace_write(&proc, "14/cgroup", "0::/system.slice/web.service\n");
	workspace_mkdir(&pods, "shop_cart-7d9f4c_" UID "/main");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	workspace_remove(&proc);
	workspace_remove(&pods);
	return 0;
}

static struct owner_filter *make(const char *name, bool with_processes)
{
	struct owner_filter *filter = owner_filter_new(name, proc.path, pods.path);

	assert_non_null(filter);
	assert_result(owner_filter_begin(filter, with_processes), 0);
	return filter;
}

static void processes_have_names_and_pids(void **state)
{
	static const struct {
		const char *filter;
		const char *name;
		int pid;
		bool fits;
	} cases[] = {
	    {"curl", "curl", 7, true},
	    {"curl", "curlx", 7, false},
	    {"curlx", "curl", 7, false},
	    {"12", "curl", 12, true},
	    {"12", "curl", 112, false},
	    {"12", "12", 7, true},
	    /* The kernel keeps 15 characters. */
	    {"prometheus-node-exporter", "prometheus-node", 7, true},
	    {"prometheus-node-exporter", "prometheus-nod", 7, false},
	    {"prometheus-node", "prometheus-node-exporter", 7, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct owner_filter *filter = make(cases[i].filter, false);

		if (owner_filter_has_process(filter, cases[i].name, cases[i].pid) != cases[i].fits)
			fail_msg("%s: %s (%d)", cases[i].filter, cases[i].name, cases[i].pid);
		owner_filter_free(filter);
	}
}

static void cgroups_have_paths_names_and_pods(void **state)
{
	static const struct {
		const char *filter;
		const char *path;
		bool fits;
	} cases[] = {
	    {"/system.slice/web.service", "/system.slice/web.service", true},
	    {"/system.slice/web.service", "/system.slice/web.service/worker", true},
	    {"/system.slice/web", "/system.slice/web.service", false},
	    {"/system.slice", "/system.slice/web.service", true},
	    {"/system.slice/", "/system.slice/web.service", true},
	    {"/", "/system.slice/web.service", false},
	    {"/", "/", true},
	    {"web.service", "/system.slice/web.service", true},
	    {"web", "/system.slice/web.service", true},
	    {"web", "/system.slice/web.service/worker", true},
	    {"system.slice", "/system.slice/web.service", true},
	    {"we", "/system.slice/web.service", false},
	    {"eb.service", "/system.slice/web.service", false},
	    {UID, POD, true},
	    {"cart-7d9f4c", POD, true},
	    {"shop/cart-7d9f4c", POD, true},
	    {"other/cart-7d9f4c", POD, false},
	    {"cart", POD, false},
	    {"d0c3a4b5c6d7", POD, true},
	    {"d0c3a4b5", POD, false},
	    {"web", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct owner_filter *filter = make(cases[i].filter, false);

		if (owner_filter_has_cgroup(filter, cases[i].path) != cases[i].fits)
			fail_msg("%s: %s", cases[i].filter, cases[i].path ? cases[i].path : "NULL");
		owner_filter_free(filter);
	}
}

/* Where only cgroups are known. */
static void cgroups_are_found_by_their_processes(void **state)
{
	struct owner_filter *filter = make("curl", true);

	(void)state;
	assert_true(owner_filter_has_cgroup(filter, "/user.slice/a"));
	assert_true(owner_filter_has_cgroup(filter, "/user.slice/b"));
	assert_false(owner_filter_has_cgroup(filter, "/user.slice"));
	assert_false(owner_filter_has_cgroup(filter, "/system.slice/web.service"));
	/* At the next look it is elsewhere. */
	workspace_write(&proc, "13/cgroup", "0::/user.slice/c\n");
	assert_result(owner_filter_begin(filter, true), 0);
	assert_false(owner_filter_has_cgroup(filter, "/user.slice/b"));
	assert_true(owner_filter_has_cgroup(filter, "/user.slice/c"));
	owner_filter_free(filter);

	filter = make("14", true);
	assert_true(owner_filter_has_cgroup(filter, "/system.slice/web.service"));
	assert_false(owner_filter_has_cgroup(filter, "/user.slice/a"));
	owner_filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(processes_have_names_and_pids, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(cgroups_have_paths_names_and_pods, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		cgroups_are_found_by_their_processes, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
