// SPDX-License-Identifier: Apache-2.0
#include "collectors/netns_settings.h"

#include "unit.h"

static struct netns_settings kept;
static struct portset reserved;
static const struct walk_namespace usual = {.first_port = 32768,
    .last_port = 60999,
    .unprivileged_first_port = 1024,
    .time_wait_reuse = 2,
    .time_wait_reuse_delay_ms = 1000,
    .fin_timeout_ms = 60000};

static int tear_down(void **state)
{
	(void)state;
	netns_settings_release(&kept);
	reserved = (struct portset){0};
	return 0;
}

static const struct settings *of(const struct walk_namespace *entry, const struct portset *ports)
{
	const struct settings *settings =
	    netns_settings_of(&kept, entry, ports, (struct port_range){30000, 32767});

	assert_non_null(settings);
	return settings;
}

static void test_what_the_walk_told(void **state)
{
	struct walk_namespace entry = usual;
	const struct settings *settings;

	(void)state;
	entry.bind_ipv6_only = 1;
	entry.time_wait_reuse_delay_ms = 0;
	portset_add(&reserved, 40000);
	settings = of(&entry, &reserved);
	assert_int_equal(settings->range.first, 32768);
	assert_int_equal(settings->range.last, 60999);
	assert_true(portset_has(&settings->reserved, 40000));
	assert_int_equal(portset_count(&settings->reserved), 1);
	assert_int_equal(settings->unprivileged_first_port, 1024);
	assert_int_equal(settings->time_wait_reuse, 2);
	/* Of a kernel before 6.14. */
	assert_int_equal(settings->time_wait_reuse_delay_ms, 1000);
	assert_int_equal(settings->fin_timeout_seconds, 60);
	assert_int_equal(settings->node_ports.first, 30000);
	assert_int_equal(settings->bind_ipv6_only, 1);
}

static void test_the_same_ones_are_kept_once(void **state)
{
	struct walk_namespace other = usual;
	const struct settings *first = of(&usual, NULL);

	(void)state;
	other.id = 7;
	other.inode = 8;
	other.flags = WALK_HAS_RESERVED | WALK_OWN_TCP_TABLE;
	assert_ptr_equal(of(&other, NULL), first);
}

static void test_each_difference_counts(void **state)
{
	const struct settings *found[9];
	struct walk_namespace entries[8];

	(void)state;
	for (size_t i = 0; i < LENGTH(entries); i++)
		entries[i] = usual;
	entries[1].first_port++;
	entries[2].last_port++;
	entries[3].unprivileged_first_port++;
	entries[4].time_wait_reuse = 1;
	entries[5].time_wait_reuse_delay_ms++;
	entries[6].fin_timeout_ms += 1000;
	entries[7].bind_ipv6_only = 1;
	for (size_t i = 0; i < LENGTH(entries); i++)
		found[i] = of(&entries[i], NULL);
	portset_add(&reserved, 50000);
	found[8] = of(&usual, &reserved);
	for (size_t i = 0; i < LENGTH(found); i++)
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(found[i], found[j]);
	assert_ptr_equal(of(&usual, &reserved), found[8]);
	portset_add(&reserved, 50001);
	assert_ptr_not_equal(of(&usual, &reserved), found[8]);
}

static size_t count(void)
{
	struct netns_settings copy = kept;
	size_t length = 0;

	/* The next one is its first member. */
	while (copy.first) {
		copy.first = *(struct kept_settings **)copy.first;
		length++;
	}
	return length;
}

static void test_what_nobody_has_any_more_is_freed(void **state)
{
	struct walk_namespace other = usual;
	const struct settings *first;

	(void)state;
	other.last_port = 50000;
	netns_settings_begin(&kept);
	first = of(&usual, NULL);
	of(&other, NULL);
	netns_settings_end(&kept);
	assert_int_equal(count(), 2);
	netns_settings_begin(&kept);
	assert_ptr_equal(of(&usual, NULL), first);
	netns_settings_end(&kept);
	assert_int_equal(count(), 1);
	netns_settings_begin(&kept);
	netns_settings_end(&kept);
	assert_int_equal(count(), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, NULL, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_what_the_walk_told),
	    TEST(test_the_same_ones_are_kept_once),
	    TEST(test_each_difference_counts),
	    TEST(test_what_nobody_has_any_more_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
