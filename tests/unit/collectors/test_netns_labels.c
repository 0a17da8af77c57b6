// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <unistd.h>

#include "netns_host.h"
#include "unit.h"

#define CART "11111111-1111-1111-1111-111111111111"
#define SHOP "22222222-2222-2222-2222-222222222222"
#define POD "/kubepods.slice/kubepods-pod"
#define CART_CGROUP POD "11111111_1111_1111_1111_111111111111.slice/"
#define SHOP_CGROUP POD "22222222_2222_2222_2222_222222222222.slice/"
#define TEN "0123456789"
#define ID TEN TEN TEN TEN TEN TEN "abc"

enum { NONE, WEB, PROXY, SHOPS, DOCKER, OTHER_DOCKER, UNIT };

static struct fake_netns *netns;

static int prepare(void **state)
{
	if (set_up(state) < 0)
		return -1;
	name_cgroup(WEB, CART_CGROUP "cri-containerd-" ID "1.scope");
	name_cgroup(PROXY, CART_CGROUP "cri-containerd-" ID "2.scope");
	name_cgroup(SHOPS, SHOP_CGROUP "cri-containerd-" ID "3.scope");
	name_cgroup(DOCKER, "/system.slice/docker-" ID "4.scope");
	name_cgroup(OTHER_DOCKER, "/system.slice/docker-9" ID ".scope");
	name_cgroup(UNIT, "/system.slice/kubelet.service");
	workspace_mkdir(&workspace, "pods/default_cart-0_" CART "/web");
	workspace_mkdir(&workspace, "pods/default_shop-0_" SHOP);
	netns = put(7, 70, 0);
	netns->ports = 20;
	return 0;
}

static void use(size_t length, const uint64_t cgroups[])
{
	netns->cgroups_length = length;
	for (size_t i = 0; i < length; i++)
		netns->cgroups[i] = cgroups[i];
}

#define USE(...) use(LENGTH(((const uint64_t[]){__VA_ARGS__})), (const uint64_t[]){__VA_ARGS__})

static void assert_labels(
    const char *namespace_name, const char *pod, const char *uid, const char *container)
{
	gather_all();
	assert_string_equal(label("70", "namespace"), namespace_name);
	assert_string_equal(label("70", "pod"), pod);
	assert_string_equal(label("70", "pod_uid"), uid);
	assert_string_equal(label("70", "container"), container);
}

static void assert_is_cart(void)
{
	assert_labels("default", "cart-0", CART, "web");
}

static void assert_is_nobodys(void)
{
	assert_labels("", "", "", "");
}

static void test_a_pod(void **state)
{
	(void)state;
	USE(WEB);
	assert_is_cart();
	assert_int_equal(samples("70") > 1, true);
}

/* Its containers share it, and something of the host may be there, too. */
static void test_a_pod_with_two_containers(void **state)
{
	(void)state;
	workspace_mkdir(&workspace, "pods/default_cart-0_" CART "/proxy");
	USE(UNIT, WEB, PROXY);
	assert_labels("default", "cart-0", CART, "");
}

static void test_a_pod_without_a_name(void **state)
{
	(void)state;
	rmdir(workspace_path(&workspace, "pods/default_cart-0_" CART "/web"));
	rmdir(workspace_path(&workspace, "pods/default_cart-0_" CART));
	USE(WEB);
	assert_labels("", "", CART, "");
}

static void test_two_pods(void **state)
{
	(void)state;
	USE(WEB, SHOPS);
	assert_is_nobodys();
	/* One of them is silent for a while. */
	USE(WEB);
	assert_is_nobodys();
}

static void test_another_pod_that_comes_later(void **state)
{
	(void)state;
	USE(WEB);
	assert_is_cart();
	USE(WEB, SHOPS);
	assert_is_nobodys();
	USE(SHOPS);
	assert_is_nobodys();
}

static void test_a_pod_of_the_host(void **state)
{
	struct fake_netns *first = put(2, 20, WALK_FIRST);

	(void)state;
	first->ports = 1;
	first->cgroups[first->cgroups_length++] = PROXY;
	USE(WEB);
	assert_is_nobodys();
	assert_string_equal(label("20", "pod_uid"), "");
}

static void test_a_pod_that_turns_out_to_be_the_hosts(void **state)
{
	struct fake_netns *first = put(2, 20, WALK_FIRST);

	(void)state;
	USE(WEB);
	assert_is_cart();
	first->ports = 1;
	first->cgroups[first->cgroups_length++] = WEB;
	assert_is_nobodys();
}

static void test_a_pod_stays_while_it_is_silent(void **state)
{
	(void)state;
	USE(WEB);
	assert_is_cart();
	netns->ports = 0;
	assert_is_cart();
	rmdir(workspace_path(&workspace, "pods/default_cart-0_" CART "/web"));
	rmdir(workspace_path(&workspace, "pods/default_cart-0_" CART));
	assert_labels("default", "cart-0", CART, "");
	USE(UNIT);
	netns->ports = 3;
	assert_labels("default", "cart-0", CART, "");
}

static void test_the_next_namespace_of_the_inode_is_nobodys(void **state)
{
	(void)state;
	USE(WEB);
	assert_is_cart();
	drop(7);
	netns = put(8, 70, 0);
	assert_is_nobodys();
	netns->ports = 5;
	USE(SHOPS);
	assert_labels("default", "shop-0", SHOP, "");
}

static void test_a_container_that_has_it_alone(void **state)
{
	(void)state;
	USE(DOCKER, UNIT);
	assert_labels("", "", "", "012345678901");
	USE(DOCKER, OTHER_DOCKER);
	assert_is_nobodys();
	USE(DOCKER);
	assert_labels("", "", "", "012345678901");
}

static void test_more_cgroups_than_are_told_apart(void **state)
{
	(void)state;
	USE(DOCKER, 10, 11, 12, 13, 14, 15, 16);
	assert_labels("", "", "", "012345678901");
	USE(DOCKER, 10, 11, 12, 13, 14, 15, 16, 17);
	assert_is_nobodys();
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, prepare, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_pod),
	    TEST(test_a_pod_with_two_containers),
	    TEST(test_a_pod_without_a_name),
	    TEST(test_two_pods),
	    TEST(test_another_pod_that_comes_later),
	    TEST(test_a_pod_of_the_host),
	    TEST(test_a_pod_that_turns_out_to_be_the_hosts),
	    TEST(test_a_pod_stays_while_it_is_silent),
	    TEST(test_the_next_namespace_of_the_inode_is_nobodys),
	    TEST(test_a_container_that_has_it_alone),
	    TEST(test_more_cgroups_than_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
