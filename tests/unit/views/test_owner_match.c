// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/owner_match.h"

#include "unit.h"
#include "workspace.h"

#define UID "0a1b2c3d-1111-4222-8333-444455556666"
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SERVICE "/system.slice/web.service"
#define POD "/kubepods/burstable/pod" UID "/" ID

static struct workspace workspace;
static struct pods *pods;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_mkdir(&workspace, "pods");
	workspace_mkdir(&workspace, "pods/shop_cart-7d9f_" UID);
	pods = pods_new(workspace_path(&workspace, "pods"));
	pods_begin(pods);
	return pods ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	pods_free(pods);
	workspace_remove(&workspace);
	return 0;
}

static const struct {
	const char *owner;
	const char *path;
	bool matches;
} cases[] = {
    {SERVICE, SERVICE, true},
    {SERVICE, SERVICE "/worker", true},
    {SERVICE, "/system.slice/web.service2", false},
    {SERVICE, "/system.slice", false},
    {"/", "/", true},
    {"/", SERVICE, false},
    {"web.service", SERVICE, true},
    {"web.service", SERVICE "/worker", true},
    {"system.slice", SERVICE, true},
    {"web.servic", SERVICE, false},
    {"web.service2", SERVICE, false},
    {"eb.service", SERVICE, false},
    {"system.slice/web.service", SERVICE, false},
    {"", SERVICE, false},
    {"id:17", "id:17", false},
    {"shop/cart-7d9f", POD, true},
    {"cart-7d9f", POD, true},
    {"shop/cart", POD, false},
    {"sho/cart-7d9f", POD, false},
    {"shop", POD, false},
    {UID, POD, true},
    {ID, POD, true},
    {"shop/cart-7d9f", SERVICE, false},
};

static void names_of_owners(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (owner_matches(cases[i].owner, cases[i].path, pods) != cases[i].matches)
			fail_msg("\"%s\" and %s", cases[i].owner, cases[i].path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(names_of_owners, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
