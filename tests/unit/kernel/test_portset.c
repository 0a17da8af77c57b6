// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/portset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guard_page.h"
#include "unit.h"

static int parse_range(const char *text, struct port_range *ret_range)
{
	struct guarded guarded = guard_string(text);
	const int result = port_range_parse(guarded.bytes, strlen(text), ret_range);

	guard_free(&guarded);
	return result;
}

static int parse_set(const char *text, struct portset *ret_set)
{
	struct guarded guarded = guard_string(text);
	const int result = portset_parse(guarded.bytes, strlen(text), ret_set);

	guard_free(&guarded);
	return result;
}

static void reads_ranges(void **state)
{
	static const struct {
		const char *text;
		struct port_range range;
	} good[] = {
	    {"32768\t60999\n", {32768, 60999}},
	    {"32768 60999", {32768, 60999}},
	    {"  1024 \t 65535 \r\n", {1024, 65535}},
	    {"1\t1", {1, 1}},
	    {"65535\t65535\n", {65535, 65535}},
	    {"1 65535", {1, 65535}},
	    {"00040\t00041\n", {40, 41}},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		struct port_range range = {1, 1};

		assert_result(parse_range(good[i].text, &range), 0);
		assert_int_equal(range.first, good[i].range.first);
		assert_int_equal(range.last, good[i].range.last);
	}
}

static void refuses_malformed_ranges(void **state)
{
	static const char *const bad[] = {"", " ", "\n", "32768", "32768\n", "32768\t", "\t60999",
	    "60999\t32768\n", "32768-60999", "32768,60999", "32768\t60999\t1", "32768\t60999x",
	    "x32768\t60999", "32768x\t60999", "-1\t60999", "+1\t60999", "32768\t65536",
	    "65536\t65537", "32768\t4294967297", "4294967297\t60999", "18446744073709551617\t60999",
	    "0x80\t0xff", "32768\v60999", "3.5 4", "0\t60999", "0 0"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct port_range range = {7, 9};

		if (parse_range(bad[i], &range) != -EBADMSG)
			fail_msg("\"%s\" was not refused", bad[i]);
		assert_int_equal(range.first, 7);
		assert_int_equal(range.last, 9);
	}
}

static void a_nul_is_no_end_of_a_range(void **state)
{
	static const char text[] = "32768\t60999\0";
	struct guarded guarded = guard(text, sizeof(text), 1);
	struct port_range range;

	(void)state;
	assert_result(port_range_parse(guarded.bytes, sizeof(text), &range), -EBADMSG);
	guard_free(&guarded);
}

static void assert_set(const char *text, const char *wanted_ports)
{
	struct portset set;
	char found[256] = "";

	memset(&set, 0xff, sizeof(set));
	assert_result(parse_set(text, &set), 0);
	for (unsigned port = 0; port < PORTS; port++)
		if (portset_has(&set, (uint16_t)port) && strlen(found) < sizeof(found) - 8)
			snprintf(found + strlen(found), 8, "%u ", port);
	assert_string_equal(found, wanted_ports);
}

static void reads_sets(void **state)
{
	(void)state;
	assert_set("", "");
	assert_set("\n", "");
	assert_set(" \t\r\n", "");
	assert_set("8080\n", "8080 ");
	assert_set("8080", "8080 ");
	assert_set("8080,9148-9150\n", "8080 9148 9149 9150 ");
	assert_set("0,65535", "0 65535 ");
	assert_set("65534-65535\n", "65534 65535 ");
	assert_set("65535-65535", "65535 ");
	assert_set("0-0", "0 ");
	assert_set("63-64,127-128", "63 64 127 128 ");
	assert_set("9,8,9,7-8", "7 8 9 ");
	assert_set(" 5 ", "5 ");
}

static void reads_all_ports(void **state)
{
	struct portset set;

	(void)state;
	assert_result(parse_set("0-65535\n", &set), 0);
	assert_int_equal(portset_count(&set), PORTS);
}

static void refuses_malformed_sets(void **state)
{
	static const char *const bad[] = {",", "8080,", ",8080", "8080,,8081", "8080-", "-8080",
	    "8080-,", "8081-8080", "8080 8081", "8080, 8081", "8080 ,8081", "65536", "1-65536",
	    "4294967296", "18446744073709551616", "8080x", "x", "8080-9000-9100", "8080,\n",
	    "8080--8081", "+1", "8080\n9", "1- 2", "1 -2"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct portset set = {{0x123}};

		if (parse_set(bad[i], &set) != -EBADMSG)
			fail_msg("\"%s\" was not refused", bad[i]);
		assert_int_equal(set.words[0], 0x123);
	}
}

static void any_prefix_of_a_set_is_read_within_its_bounds(void **state)
{
	static const char text[] = "1,22-333,4444,55555-55556,65535\n";

	(void)state;
	for (size_t length = 0; length < sizeof(text); length++) {
		struct guarded guarded = guard(text, length, 1);
		struct portset set;
		const int result = portset_parse(guarded.bytes, length, &set);

		assert_true(result == 0 || result == -EBADMSG);
		guard_free(&guarded);
	}
}

static void adds_ranges_up_to_the_last_port(void **state)
{
	struct portset set = {{0}};

	(void)state;
	portset_add_range(&set, (struct port_range){65533, 65535});
	assert_int_equal(portset_count(&set), 3);
	assert_true(portset_has(&set, 65535));
	assert_false(portset_has(&set, 65532));
	assert_false(portset_has(&set, 0));
	portset_add_range(&set, (struct port_range){0, 0});
	assert_true(portset_has(&set, 0));
	assert_int_equal(portset_count(&set), 4);
}

static void counts_within_a_range(void **state)
{
	struct portset set = {{0}};

	(void)state;
	portset_add(&set, 0);
	portset_add(&set, 99);
	portset_add(&set, 100);
	portset_add(&set, 163);
	portset_add(&set, 164);
	portset_add(&set, 65535);
	assert_int_equal(portset_count_range(&set, (struct port_range){100, 163}), 2);
	assert_int_equal(portset_count_range(&set, (struct port_range){0, 65535}), 6);
	assert_int_equal(portset_count_range(&set, (struct port_range){65535, 65535}), 1);
	assert_int_equal(portset_count_range(&set, (struct port_range){101, 162}), 0);
}

static void sizes_and_bounds_of_ranges(void **state)
{
	const struct port_range range = {40000, 40009};

	(void)state;
	assert_int_equal(port_range_size(range), 10);
	assert_int_equal(port_range_size((struct port_range){0, 65535}), 65536);
	assert_true(port_range_has(range, 40000));
	assert_true(port_range_has(range, 40009));
	assert_false(port_range_has(range, 39999));
	assert_false(port_range_has(range, 40010));
}

static void removes_unites_and_keeps(void **state)
{
	struct portset a = {{0}};
	struct portset b = {{0}};
	struct portset united;
	struct portset kept;

	(void)state;
	portset_add_range(&a, (struct port_range){60, 70});
	portset_add_range(&b, (struct port_range){65, 75});
	united = a;
	portset_unite(&united, &b);
	assert_int_equal(portset_count(&united), 16);
	kept = a;
	portset_keep(&kept, &b);
	assert_int_equal(portset_count(&kept), 6);
	assert_true(portset_has(&kept, 65) && portset_has(&kept, 70));
	portset_remove(&a, &b);
	assert_int_equal(portset_count(&a), 5);
	assert_true(portset_has(&a, 64));
	assert_false(portset_has(&a, 65));
}

/* The runs of a set, one after the other; the position it ends at is that of no port. */
static void assert_runs(const char *ports, const char *wanted)
{
	struct portset set;
	struct port_range range = {7, 7};
	unsigned position = 0;
	char found[256] = "";

	assert_result(parse_set(ports, &set), 0);
	while (portset_next_range(&set, &position, &range)) {
		assert_true(position > range.last);
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%u-%u ",
		    range.first, range.last);
	}
	assert_string_equal(found, wanted);
	/* At the end it stays there, and gives nothing. */
	range = (struct port_range){7, 9};
	assert_false(portset_next_range(&set, &position, &range));
	assert_int_equal(range.first, 7);
	assert_int_equal(range.last, 9);
}

static void runs_come_lowest_first(void **state)
{
	(void)state;
	assert_runs("", "");
	assert_runs("0", "0-0 ");
	assert_runs("1", "1-1 ");
	assert_runs("65535", "65535-65535 ");
	assert_runs("0,65535", "0-0 65535-65535 ");
	assert_runs("0-65535", "0-65535 ");
	assert_runs("1-65534", "1-65534 ");
	assert_runs("9,7,8,22", "7-9 22-22 ");
	assert_runs("5,7", "5-5 7-7 ");
}

/* Sets are kept in words of 64 bits, and empty ones are passed over whole. */
static void runs_cross_words(void **state)
{
	(void)state;
	assert_runs("63-64", "63-64 ");
	assert_runs("62,64", "62-62 64-64 ");
	assert_runs("63,128", "63-63 128-128 ");
	assert_runs("1-200", "1-200 ");
	assert_runs("127,129-191,193", "127-127 129-191 193-193 ");
	assert_runs("3,1000-1100,65472-65535", "3-3 1000-1100 65472-65535 ");
}

static void runs_may_begin_anywhere(void **state)
{
	struct portset set;
	struct port_range range;
	unsigned position = 103;

	(void)state;
	assert_result(parse_set("3,100-110,4000", &set), 0);
	assert_true(portset_next_range(&set, &position, &range));
	assert_int_equal(range.first, 103);
	assert_int_equal(range.last, 110);
	assert_int_equal(position, 111);
	/* Within a word that is empty: what the next one begins with is not passed over. */
	assert_result(parse_set("130", &set), 0);
	position = 70;
	assert_true(portset_next_range(&set, &position, &range));
	assert_int_equal(range.first, 130);
	position = PORTS;
	assert_false(portset_next_range(&set, &position, &range));
}

/* Whatever the set: what the runs hold is what it holds, with a gap between any two. */
static void runs_make_up_the_set(void **state)
{
	uint64_t number = 20231;

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		struct portset set = {{0}};
		struct portset sum = {{0}};
		struct port_range range;
		unsigned position = 0;
		unsigned before = 0;

		for (unsigned i = 0; i < PORTS / 64; i++) {
			number =
			    number * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			set.words[i] = number >> 40 & 3 ? number ^ number >> 31 : 0;
		}
		for (bool first = true; portset_next_range(&set, &position, &range);
		     first = false) {
			assert_true(first || range.first > before + 1);
			before = range.last;
			portset_add_range(&sum, range);
		}
		assert_memory_equal(&sum, &set, sizeof(set));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_ranges),
	    cmocka_unit_test(refuses_malformed_ranges),
	    cmocka_unit_test(a_nul_is_no_end_of_a_range),
	    cmocka_unit_test(reads_sets),
	    cmocka_unit_test(reads_all_ports),
	    cmocka_unit_test(refuses_malformed_sets),
	    cmocka_unit_test(any_prefix_of_a_set_is_read_within_its_bounds),
	    cmocka_unit_test(adds_ranges_up_to_the_last_port),
	    cmocka_unit_test(counts_within_a_range),
	    cmocka_unit_test(sizes_and_bounds_of_ranges),
	    cmocka_unit_test(removes_unites_and_keeps),
	    cmocka_unit_test(runs_come_lowest_first),
	    cmocka_unit_test(runs_cross_words),
	    cmocka_unit_test(runs_may_begin_anywhere),
	    cmocka_unit_test(runs_make_up_the_set),
	};

	return cmocka_run_group_tests_name("portset", tests, NULL, NULL);
}
