// SPDX-License-Identifier: Apache-2.0
/* --namespace: what the command line accepts, and which pod a name is of. */
#include "exporter/commands/namespace_enter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parse_options.h"
#include "unit.h"

static void commands_that_ask_a_namespace_have_it(void **state)
{
	(void)state;
	assert_result(PARSE("destinations", "--namespace=shop/cart"), 0);
	assert_string_equal(options.namespace, "shop/cart");
	assert_false(namespace_is_all(&options));
	assert_result(PARSE("trace", "--namespace", "7"), 0);
	assert_result(PARSE("trace", "--leases", "--namespace", "7"), 0);
	assert_result(PARSE("port", "80", "--namespace=a", "--path.netns=/n", "--path.pods=/p"), 0);
	assert_string_equal(options.namespaces.names, "/n");
	assert_string_equal(options.pods, "/p");
	assert_result(PARSE("namespaces", "--limit=7", "--json", "--watch"), 0);
	assert_null(options.namespace);
}

static void what_has_no_namespace_refuses_it(void **state)
{
	(void)state;
	assert_refused(PARSE("destinations", "--namespace="), "--namespace", "empty");
	assert_refused(PARSE("destinations", "--namespace=all", "--resolve"), "--resolve", NULL);
	assert_result(PARSE("destinations", "--namespace=all", "--watch"), 0);
	assert_result(PARSE("trace", "--namespace=all"), 0);
	assert_refused(PARSE("trace", "--namespace=all", "--leases"), "all", "--leases");
	assert_refused(PARSE("metrics", "--namespace=a"), "--namespace", "port");
	assert_refused(PARSE("namespaces", "--namespace=a"), "--namespace", "port");
	assert_result(PARSE("port", "80", "--namespace=all"), 0);
	assert_true(namespace_is_all(&options));
	assert_refused(PARSE("port", "80", "--namespace=all", "--watch"), "--watch", NULL);
	assert_refused(
	    PARSE("port", "80", "--namespace=a", "--sockets.replay=f"), "--sockets.replay", NULL);
	assert_refused(
	    PARSE("port", "80", "--namespace=a", "--at=12:03", "--leases=f"), "--at", NULL);
}

static const struct namespace_row pods[] = {
    {.inode = 11, .labels = {.netns = "11"}},
    {.inode = 12, .labels = {.netns = "12", .namespace_name = "shop", .pod = "cart"}},
    {.inode = 13, .labels = {.netns = "13", .namespace_name = "test", .pod = "cart"}},
    {.inode = 14, .labels = {.netns = "14", .namespace_name = "shop", .pod = "checkout"}},
};

static int find(const char *name, uint32_t *ret_inode, char said[static NAMESPACE_ERROR_SIZE])
{
	struct namespace_rows *rows = malloc(sizeof(*rows) + sizeof(pods));
	int result;

	assert_non_null(rows);
	rows->length = LENGTH(pods);
	memcpy(rows->list, pods, sizeof(pods));
	result = namespace_find_pod(rows, name, ret_inode, said);
	free(rows);
	return result;
}

static void a_pod_is_found_by_its_names(void **state)
{
	char said[NAMESPACE_ERROR_SIZE];
	uint32_t inode = 0;

	(void)state;
	assert_result(find("shop/cart", &inode, said), 0);
	assert_int_equal(inode, 12);
	assert_result(find("test/cart", &inode, said), 0);
	assert_int_equal(inode, 13);
	assert_result(find("checkout", &inode, said), 0);
	assert_int_equal(inode, 14);
	assert_result(find("sho/cart", &inode, said), -ENOENT);
	assert_result(find("shop/", &inode, said), -ENOENT);
	assert_result(find("11", &inode, said), -ENOENT);
}

static void a_name_of_several_pods_says_which(void **state)
{
	char said[NAMESPACE_ERROR_SIZE];
	uint32_t inode = 0;

	(void)state;
	assert_result(find("cart", &inode, said), -ENOTUNIQ);
	assert_string_equal(said, "several pods are called cart: shop/cart (12), test/cart (13)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commands_that_ask_a_namespace_have_it),
	    cmocka_unit_test(what_has_no_namespace_refuses_it),
	    cmocka_unit_test(a_pod_is_found_by_its_names),
	    cmocka_unit_test(a_name_of_several_pods_says_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
