// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/pods.h"

#include <stdio.h>
#include <unistd.h>

#include "unit.h"
#include "workspace.h"

#define FIRST "11111111-1111-1111-1111-111111111111"
#define SECOND "22222222-2222-2222-2222-222222222222"
#define MIRROR "0123456789abcdef0123456789abcdef"

static struct workspace workspace;
static struct pods *pods;
static struct pod pod;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	pods = pods_new(workspace.path);
	return pods ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	pods_free(pods);
	workspace_remove(&workspace);
	return 0;
}

static void make(const char *name)
{
	workspace_mkdir(&workspace, name);
}

static void drop(const char *name)
{
	assert_int_equal(rmdir(workspace_path(&workspace, name)), 0);
}

/* In a gathering of its own. */
static bool find(const char *uid)
{
	pods_begin(pods);
	return pods_find(pods, uid, &pod);
}

static void test_the_parts_of_a_name(void **state)
{
	(void)state;
	make("shop_cart-7d9f_" FIRST "/web");
	make("kube-system_etcd-node.example_" MIRROR "/etcd");
	assert_true(find(FIRST));
	assert_string_equal(pod.namespace_name, "shop");
	assert_string_equal(pod.name, "cart-7d9f");
	assert_string_equal(pod.container, "web");
	assert_true(find(MIRROR));
	assert_string_equal(pod.namespace_name, "kube-system");
	assert_string_equal(pod.name, "etcd-node.example");
}

static void test_what_is_no_pod(void **state)
{
	static const char *const names[] = {"_x_" FIRST, "x__" FIRST, "x_y_", "x_" FIRST, FIRST,
	    "x_y_z_" FIRST, ".x_y_" FIRST, "x_y_" FIRST "_"};

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++)
		make(names[i]);
	assert_false(find(FIRST));
	assert_false(find(""));
	assert_false(find("z_" FIRST));
	make("x_y_" FIRST);
	assert_true(find(FIRST));
}

static void test_without_a_directory_nobody_is_known(void **state)
{
	struct pods *others = pods_new("/nonexistent");

	(void)state;
	assert_non_null(others);
	pods_begin(others);
	assert_false(pods_find(others, FIRST, &pod));
	pods_free(others);
	pods_free(NULL);
}

static void test_who_replaces_a_pod_is_another(void **state)
{
	(void)state;
	make("shop_cart-0_" FIRST);
	assert_true(find(FIRST));
	drop("shop_cart-0_" FIRST);
	assert_false(find(SECOND));
	make("shop_cart-0_" SECOND);
	assert_true(find(SECOND));
	assert_string_equal(pod.name, "cart-0");
	assert_false(find(FIRST));
}

/* The kubelet takes the directory away while the last sockets of a pod still are there. */
static void test_a_pod_keeps_its_name_while_it_is_asked_for(void **state)
{
	(void)state;
	make("shop_cart-0_" FIRST);
	make("shop_cart-1_" SECOND);
	assert_true(find(FIRST));
	drop("shop_cart-0_" FIRST);
	for (int i = 0; i < 3; i++) {
		pods_begin(pods);
		assert_true(pods_find(pods, FIRST, &pod));
		assert_string_equal(pod.name, "cart-0");
		/* The directory is read again. */
		assert_false(pods_find(pods, MIRROR, &pod));
	}
	pods_begin(pods);
	assert_true(pods_find(pods, SECOND, &pod));
	assert_false(find(FIRST));
}

static void test_a_container_that_comes_later(void **state)
{
	(void)state;
	make("shop_cart-0_" FIRST);
	assert_true(find(FIRST));
	assert_null(pod.container);
	make("shop_cart-0_" FIRST "/init");
	assert_true(find(FIRST));
	assert_string_equal(pod.container, "init");
	make("shop_cart-0_" FIRST "/web");
	/* Not within one gathering: others may have been told. */
	assert_true(pods_find(pods, FIRST, &pod));
	assert_string_equal(pod.container, "init");
	assert_true(find(FIRST));
	assert_null(pod.container);
}

static void test_the_directory_is_read_once_in_a_gathering(void **state)
{
	(void)state;
	assert_false(find(FIRST));
	make("shop_cart-0_" FIRST);
	assert_false(pods_find(pods, FIRST, &pod));
	assert_true(find(FIRST));
}

static void test_no_more_than_a_bound(void **state)
{
	unsigned known = 0;

	(void)state;
	for (unsigned i = 0; i < 4500; i++) {
		char name[64];

		snprintf(name, sizeof(name), "a_b_%u", i);
		make(name);
	}
	pods_begin(pods);
	for (unsigned i = 0; i < 4500; i++) {
		char uid[16];

		snprintf(uid, sizeof(uid), "%u", i);
		known += pods_find(pods, uid, &pod);
	}
	assert_int_equal(known, 4096);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_parts_of_a_name),
	    TEST(test_what_is_no_pod),
	    TEST(test_without_a_directory_nobody_is_known),
	    TEST(test_who_replaces_a_pod_is_another),
	    TEST(test_a_pod_keeps_its_name_while_it_is_asked_for),
	    TEST(test_a_container_that_comes_later),
	    TEST(test_the_directory_is_read_once_in_a_gathering),
	    TEST(test_no_more_than_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
