// SPDX-License-Identifier: Apache-2.0
/* The table of network namespaces. */
#include "exporter/answers/namespaces_text.h"

#include <stdlib.h>
#include <string.h>

#include "stdout_capture.h"
#include "unit.h"

static struct namespace_rows *rows_of(const struct namespace_row *list, size_t length)
{
	struct namespace_rows *rows = calloc(1, sizeof(*rows) + length * sizeof(*list));

	assert_non_null(rows);
	rows->length = length;
	memcpy(rows->list, list, length * sizeof(*list));
	return rows;
}

static const struct namespace_row checkout = {
    .labels = {.netns = "cni-7",
	.pod_uid = "uid-7",
	.namespace_name = "shop",
	.pod = "checkout",
	.container = "app"},
    .id = 7,
    .inode = 4026532700u,
    .result = {.sockets = 41,
	.time_wait = 13,
	.leased = 23,
	.usable = 92,
	.reserved = 3,
	.held = 5,
	.range = {40000, 40099},
	.used = 23,
	.ratio = 0.25,
	.fullest = {.port = 443, .source = {{10, 0, 0, 1}}, .address = {{10, 0, 0, 2}}}},
};

static const struct namespace_row host = {
    .labels = {.netns = "4026531833"},
    .id = 1,
    .inode = 4026531833u,
    .flags = WALK_READER | WALK_FIRST,
    .result = {.sockets = 3, .usable = 28232},
};

static void assert_printed(
    const struct namespace_row *list, size_t length, size_t limit, int width, const char *wanted)
{
	struct namespace_rows *rows = rows_of(list, length);
	char *found;

	stdout_capture();
	namespaces_print(rows, limit, width, "--limit");
	found = stdout_captured();
	assert_string_equal(found, wanted);
	free(found);
	free(rows);
}

static void a_row_says_whose_it_is_and_how_full(void **state)
{
	const struct namespace_row list[] = {checkout, host};

	(void)state;
	assert_printed(list, 2, 20, 80,
	    "NETWORK NAMESPACE   SOCKETS TIME_WAIT  USABLE   USED  SHARE\n"
	    "shop/checkout            41        13      92     23  25.0%\n"
	    "  to 10.0.0.2:443 from 10.0.0.1\n"
	    "  netns cni-7, container app\n"
	    "4026531833                3         0   28232      0   0.0%\n"
	    "  the host's own, where this command runs\n");
}

static void rows_beyond_the_limit_are_counted(void **state)
{
	const struct namespace_row list[] = {host, checkout, checkout};

	(void)state;
	assert_printed(list, 3, 1, 80,
	    "NETWORK NAMESPACE   SOCKETS TIME_WAIT  USABLE   USED  SHARE\n"
	    "4026531833                3         0   28232      0   0.0%\n"
	    "  the host's own, where this command runs\n"
	    "\n"
	    "And 2 more (--limit).\n");
}

static void assert_explained(unsigned reserved, unsigned held, const char *wanted)
{
	struct namespace_row row = host;
	char text[NAMESPACE_TITLE];

	row.result.range = (struct port_range){40000, 40010};
	row.result.reserved = reserved;
	row.result.held = held;
	row.result.usable = 11 - reserved - held;
	namespace_explain(&row, text);
	assert_string_equal(text, wanted);
}

static void where_no_port_is_usable_it_says_why(void **state)
{
	struct namespace_row row = host;

	(void)state;
	assert_explained(11, 0, "no port is usable: all 11 from 40000 to 40010 are reserved");
	assert_explained(0, 11, "no port is usable: bind() holds all 11 from 40000 to 40010");
	assert_explained(
	    4, 7, "no port is usable: of the 11 from 40000 to 40010, 4 reserved, 7 held by bind()");
	assert_explained(4, 6, "");
	row.flags = 0;
	row.result = (struct survey_result){.range = {40000, 40010}, .reserved = 11, .ratio = 1};
	assert_printed(&row, 1, 20, 80,
	    "NETWORK NAMESPACE   SOCKETS TIME_WAIT  USABLE   USED  SHARE\n"
	    "4026531833                0         0       0      0 100.0%\n"
	    "  no port is usable: all 11 from 40000 to 40010 are reserved\n");
}

static void a_long_name_has_a_line_of_its_own(void **state)
{
	struct namespace_row row = host;

	(void)state;
	row.flags = 0;
	row.labels.netns = "cni-01234567-89ab-cdef-0123-456789abcdef";
	assert_printed(&row, 1, 20, 60,
	    "NETWORK NAMESPACE    SOCKETS TIME_WAIT  USABLE   USED  SHARE\n"
	    "cni-01234567-89ab-cdef-0123-456789abcdef\n"
	    "                           3         0   28232      0   0.0%\n");
}

static void a_name_does_not_move_the_cursor(void **state)
{
	struct namespace_row row = host;
	char title[NAMESPACE_TITLE];

	(void)state;
	row.labels.netns = "a\033[2Jb";
	namespace_title(&row, title);
	assert_string_equal(title, "a?[2Jb");
}

static void json_has_all_that_is_known(void **state)
{
	struct namespace_rows *rows = rows_of(&checkout, 1);
	struct json *root = json_new_object();
	char *found;

	(void)state;
	namespaces_json_add(root, rows, 20);
	found = json_print(root);
	assert_string_equal(found,
	    "{\"namespaces\":[{\"netns\":\"cni-7\",\"inode\":4026532700,\"namespace\":\"shop\","
	    "\"pod\":\"checkout\",\"pod_uid\":\"uid-7\",\"container\":\"app\",\"is_host\":false,"
	    "\"is_own\":false,\"sockets\":41,\"time_wait\":13,\"leased_ports\":23,"
	    "\"range\":{\"first_port\":40000,\"last_port\":40099,\"ports\":100},"
	    "\"reserved_ports\":3,\"held_ports\":5,\"usable_ports\":92,\"usage_ratio\":0.25,"
	    "\"untracked_ports\":0,"
	    "\"fullest_destination\":{\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\","
	    "\"destination_port\":443,\"family\":\"ipv4\",\"ports\":23}}],\"total\":1}");
	free(found);
	json_free(root);
	free(rows);
}

static void the_fullest_comes_first(void **state)
{
	struct namespace_row busy = host;

	(void)state;
	busy.result.sockets = 4;
	assert_true(namespace_rows_compare(&checkout, &host) < 0);
	assert_true(namespace_rows_compare(&host, &busy) > 0);
	assert_true(namespace_rows_compare(&host, &host) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_says_whose_it_is_and_how_full),
	    cmocka_unit_test(rows_beyond_the_limit_are_counted),
	    cmocka_unit_test(where_no_port_is_usable_it_says_why),
	    cmocka_unit_test(a_long_name_has_a_line_of_its_own),
	    cmocka_unit_test(a_name_does_not_move_the_cursor),
	    cmocka_unit_test(json_has_all_that_is_known),
	    cmocka_unit_test(the_fullest_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
