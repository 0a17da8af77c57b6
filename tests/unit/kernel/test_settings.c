// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/procfs.h"
#include "unit.h"
#include "workspace.h"

static struct workspace workspace;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_write_settings(&workspace, "32768\t60999\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	workspace_remove(&workspace);
	return 0;
}

static void write_setting(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/net/ipv4/%s", name);
	workspace_write(&workspace, path, text);
}

static void remove_setting(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/net/ipv4/%s", name);
	workspace_unlink(&workspace, path);
}

static int read_settings(struct settings *settings)
{
	memset(settings, 0x55, sizeof(*settings));
	return settings_read(workspace.path, settings, NULL);
}

static void reads_every_setting(void **state)
{
	struct settings settings;

	(void)state;
	write_setting("ip_local_port_range", "41000\t41099\n");
	write_setting("ip_local_reserved_ports", "41001,41010-41015,52000\n");
	write_setting("ip_unprivileged_port_start", "1023\n");
	write_setting("tcp_tw_reuse", "1\n");
	write_setting("tcp_tw_reuse_delay", "3000\n");
	write_setting("tcp_fin_timeout", "61\n");
	workspace_write(&workspace, "sys/net/ipv6/bindv6only", "1\n");
	assert_result(read_settings(&settings), 0);
	assert_int_equal(settings.range.first, 41000);
	assert_int_equal(settings.range.last, 41099);
	assert_int_equal(portset_count(&settings.reserved), 8);
	assert_true(portset_has(&settings.reserved, 41015));
	assert_true(portset_has(&settings.reserved, 52000));
	assert_int_equal(settings.unprivileged_first_port, 1023);
	assert_int_equal(settings.time_wait_reuse, 1);
	assert_int_equal(settings.time_wait_reuse_delay_ms, 3000);
	assert_int_equal(settings.fin_timeout_seconds, 61);
	assert_int_equal(settings.bind_ipv6_only, 1);
}

static void an_old_kernel_lacks_some(void **state)
{
	static const char *const optional[] = {"ip_local_reserved_ports",
	    "ip_unprivileged_port_start", "tcp_tw_reuse", "tcp_tw_reuse_delay", "tcp_fin_timeout"};
	struct settings settings;

	(void)state;
	for (size_t i = 0; i < LENGTH(optional); i++)
		remove_setting(optional[i]);
	workspace_unlink(&workspace, "sys/net/ipv6/bindv6only");
	assert_result(read_settings(&settings), 0);
	assert_int_equal(settings.range.first, 32768);
	assert_int_equal(portset_count(&settings.reserved), 0);
	assert_int_equal(settings.unprivileged_first_port, SETTING_ABSENT);
	assert_int_equal(settings.time_wait_reuse, SETTING_ABSENT);
	assert_int_equal(settings.time_wait_reuse_delay_ms, 1000);
	assert_int_equal(settings.fin_timeout_seconds, SETTING_ABSENT);
	assert_int_equal(settings.bind_ipv6_only, SETTING_ABSENT);
}

static void a_malformed_optional_setting_counts_as_absent(void **state)
{
	static const char *const bad[] = {"", "\n", "x\n", "1 2\n", "1x\n", "-1\n", "2147483648\n",
	    "99999999999999999999\n", "1.5\n"};
	struct settings settings;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		write_setting("tcp_fin_timeout", bad[i]);
		write_setting("tcp_tw_reuse_delay", bad[i]);
		assert_result(read_settings(&settings), 0);
		assert_int_equal(settings.fin_timeout_seconds, SETTING_ABSENT);
		assert_int_equal(settings.time_wait_reuse_delay_ms, 1000);
	}
}

static void the_range_is_not_optional(void **state)
{
	struct settings settings;

	(void)state;
	remove_setting("ip_local_port_range");
	assert_result(read_settings(&settings), -ENOENT);
	assert_int_equal(settings.fin_timeout_seconds, 0x55555555);
}

static void a_malformed_range_is_an_error(void **state)
{
	static const char *const bad[] = {"", "32768\n", "60999\t32768\n", "a b\n", "1 65536\n"};
	struct settings settings;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		write_setting("ip_local_port_range", bad[i]);
		assert_result(read_settings(&settings), -EBADMSG);
	}
}

static void malformed_reserved_ports_are_an_error(void **state)
{
	struct settings settings;

	(void)state;
	write_setting("ip_local_reserved_ports", "8080,\n");
	assert_result(read_settings(&settings), -EBADMSG);
}

static void tells_which_file_could_not_be_read(void **state)
{
	struct settings settings;
	const char *file = NULL;

	(void)state;
	assert_result(settings_read(workspace.path, &settings, &file), 0);
	assert_null(file);
	write_setting("ip_local_reserved_ports", "x\n");
	assert_result(settings_read(workspace.path, &settings, &file), -EBADMSG);
	assert_string_equal(file, "sys/net/ipv4/ip_local_reserved_ports");
	write_setting("ip_local_port_range", "x\n");
	assert_result(settings_read(workspace.path, &settings, &file), -EBADMSG);
	assert_string_equal(file, "sys/net/ipv4/ip_local_port_range");
}

static void no_procfs_is_an_error(void **state)
{
	struct settings settings;
	char longer[8192];

	(void)state;
	assert_result(settings_read(workspace_path(&workspace, "none"), &settings, NULL), -ENOENT);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_result(settings_read(longer, &settings, NULL), -ENAMETOOLONG);
}

static void a_directory_in_place_of_a_file_is_an_error(void **state)
{
	struct settings settings;

	(void)state;
	remove_setting("ip_local_port_range");
	workspace_write(&workspace, "sys/net/ipv4/ip_local_port_range/file", "");
	assert_result(read_settings(&settings), -EISDIR);
}

/* As the kernel prints it: every run of reserved ports as first-last. */
static size_t format_reserved(char *text, unsigned first, unsigned run, unsigned gap)
{
	size_t length = 0;

	for (unsigned port = first; port + run <= PORTS; port += run + gap) {
		length += (size_t)sprintf(text + length, "%s%u", length ? "," : "", port);
		if (run > 1)
			length += (size_t)sprintf(text + length, "-%u", port + run - 1);
	}
	text[length++] = '\n';
	text[length] = '\0';
	return length;
}

static void reads_every_second_port_reserved(void **state)
{
	static char text[400000];
	struct settings settings;

	(void)state;
	format_reserved(text, 1, 1, 1);
	write_setting("ip_local_reserved_ports", text);
	assert_result(read_settings(&settings), 0);
	assert_int_equal(portset_count(&settings.reserved), 32768);
}

/* Two of every three ports: 11 characters and a comma for three ports is the longest list. */
static void reads_the_longest_list_of_reserved_ports(void **state)
{
	static char text[400000];
	struct settings settings;

	(void)state;
	assert_true(format_reserved(text, 0, 2, 1) > 240000);
	write_setting("ip_local_reserved_ports", text);
	assert_result(read_settings(&settings), 0);
	assert_int_equal(portset_count(&settings.reserved), 43690);
	assert_true(portset_has(&settings.reserved, 65533));
}

static void a_file_beyond_its_limit_is_refused(void **state)
{
	char *text = NULL;
	size_t length = 0;

	(void)state;
	workspace_write(&workspace, "file", "0123456789");
	assert_result(procfs_read(workspace.path, "file", 9, &text, &length), -EFBIG);
	assert_null(text);
	assert_result(procfs_read(workspace.path, "file", 10, &text, &length), 0);
	assert_int_equal(length, 10);
	assert_string_equal(text, "0123456789");
	free(text);
}

static void reads_files_of_every_size_around_a_page(void **state)
{
	static char bytes[9000];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i % 23);
	for (size_t size = 4090; size <= 8200; size += size < 4100 || size > 8180 ? 1 : 4080) {
		char *text = NULL;
		size_t length = 0;

		workspace_write_bytes(&workspace, "file", bytes, size);
		assert_result(procfs_read(workspace.path, "file", 9000, &text, &length), 0);
		assert_int_equal(length, size);
		assert_memory_equal(text, bytes, size);
		assert_int_equal(text[size], '\0');
		free(text);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(reads_every_setting),
	    TEST(an_old_kernel_lacks_some),
	    TEST(a_malformed_optional_setting_counts_as_absent),
	    TEST(the_range_is_not_optional),
	    TEST(a_malformed_range_is_an_error),
	    TEST(malformed_reserved_ports_are_an_error),
	    TEST(tells_which_file_could_not_be_read),
	    TEST(no_procfs_is_an_error),
	    TEST(a_directory_in_place_of_a_file_is_an_error),
	    TEST(reads_every_second_port_reserved),
	    TEST(reads_the_longest_list_of_reserved_ports),
	    TEST(a_file_beyond_its_limit_is_refused),
	    TEST(reads_files_of_every_size_around_a_page),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
