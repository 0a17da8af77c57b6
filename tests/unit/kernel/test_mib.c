// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/mib.h"

#include <errno.h>
#include <string.h>

#include "guard_page.h"
#include "mib_texts.h"
#include "unit.h"
#include "workspace.h"

static uint64_t value_of(const struct mib_counter *counter)
{
	if (!counter->found)
		fail_msg("%s %s was not found", counter->group, counter->name);
	return counter->value;
}

static int parse(const char *text, struct mib_counter *counters, size_t count)
{
	struct guarded guarded = guard_string(text);
	const int result = mib_parse(guarded.bytes, strlen(text), counters, count);

	guard_free(&guarded);
	return result;
}

static void finds_fields_by_name(void **state)
{
	struct mib_counter tcp[] = {{"Tcp", "ActiveOpens"}, {"Tcp", "OutRsts"}, {"Udp", "NoPorts"},
	    {"Ip", "ActiveOpens"}, {"Tcp", "Nonsense"}, {"TcpExt", "ListenDrops"}};
	struct mib_counter extended[] = {{"TcpExt", "TW"}, {"TcpExt", "TWRecycled"},
	    {"TcpExt", "TWKilled"}, {"TcpExt", "ListenOverflows"}, {"TcpExt", "ListenDrops"},
	    {"TcpExt", "TCPTimeWaitOverflow"}, {"IpExt", "InOctets"}};

	(void)state;
	assert_result(parse(snmp_2_6_32, tcp, LENGTH(tcp)), 0);
	assert_int_equal(value_of(&tcp[0]), 11);
	assert_int_equal(value_of(&tcp[1]), 43);
	assert_int_equal(value_of(&tcp[2]), 53);
	for (size_t i = 3; i < LENGTH(tcp); i++)
		assert_false(tcp[i].found);
	assert_result(parse(netstat_2_6_32, extended, LENGTH(extended)), 0);
	assert_int_equal(value_of(&extended[0]), 31);
	assert_int_equal(value_of(&extended[1]), 37);
	assert_int_equal(value_of(&extended[2]), 41);
	assert_int_equal(value_of(&extended[3]), 71);
	assert_int_equal(value_of(&extended[4]), 73);
	/* Counters that came with later kernels. */
	assert_false(extended[5].found);
	assert_false(extended[6].found);
}

static void a_later_kernel_has_more(void **state)
{
	struct mib_counter tcp[] = {{"Tcp", "ActiveOpens"}, {"Tcp", "PassiveOpens"},
	    {"Tcp", "AttemptFails"}, {"Tcp", "EstabResets"}, {"Tcp", "OutRsts"},
	    {"Ip", "OutTransmits"}};
	static const uint64_t wanted[] = {1055, 1056, 1057, 1058, 1064, 1020};
	struct mib_counter extended[] = {{"TcpExt", "TW"}, {"TcpExt", "TWRecycled"},
	    {"TcpExt", "TWKilled"}, {"TcpExt", "ListenOverflows"}, {"TcpExt", "ListenDrops"},
	    {"TcpExt", "TCPTimeWaitOverflow"}, {"IpExt", "InOctets"}};
	static const uint64_t wanted_extended[] = {1011, 1012, 1013, 1023, 1024, 1078, 1142};

	(void)state;
	assert_result(parse(snmp_6_18, tcp, LENGTH(tcp)), 0);
	for (size_t i = 0; i < LENGTH(tcp); i++)
		assert_int_equal(value_of(&tcp[i]), wanted[i]);
	assert_result(parse(netstat_6_18, extended, LENGTH(extended)), 0);
	for (size_t i = 0; i < LENGTH(extended); i++)
		assert_int_equal(value_of(&extended[i]), wanted_extended[i]);
}

static void one_negative_value_harms_nobody_else(void **state)
{
	struct mib_counter counters[] = {{"Tcp", "MaxConn"}, {"Tcp", "ActiveOpens"}};

	(void)state;
	assert_result(parse(snmp_6_18, counters + 1, 1), 0);
	/* Who asks for it asks for what is no count. */
	assert_result(parse(snmp_6_18, counters, 2), -EBADMSG);
}

static void nothing_asked_or_nothing_there_is_no_error(void **state)
{
	struct mib_counter counter = {"Tcp", "ActiveOpens", .found = true};

	(void)state;
	assert_result(parse(snmp_6_18, NULL, 0), 0);
	assert_result(parse("", &counter, 1), 0);
	assert_false(counter.found);
	counter.found = true;
	assert_result(parse("Tcp:\nTcp:\n", &counter, 1), 0);
	assert_false(counter.found);
}

static void a_name_is_the_whole_name(void **state)
{
	struct mib_counter counters[] = {
	    {"Tcp", "TW"}, {"Tc", "TWR"}, {"Tcp", "T"}, {"Tcp:", "TW"}};

	(void)state;
	assert_result(parse("TcpExt: TW TWR\nTcpExt: 1 2\nTcp: TWR xTW\nTcp: 3 4\n", counters,
			  LENGTH(counters)),
	    0);
	for (size_t i = 0; i < LENGTH(counters); i++)
		assert_false(counters[i].found);
	assert_result(parse("TcpExt: TW\nTcpExt: 1\nTcp: TW\nTcp: 5\n", counters, 1), 0);
	assert_int_equal(value_of(&counters[0]), 5);
}

static void pairs_that_do_not_match_are_refused(void **state)
{
	static const char *const bad[] = {
	    "Tcp: A B\n",
	    "Tcp: A B\nTcp: 1\n",
	    "Tcp: A\nTcp: 1 2\n",
	    "Tcp: A B\nUdp: 1 2\n",
	    "Tcp: A B\nTcpExt: 1 2\n",
	    "TcpExt: A B\nTcp: 1 2\n",
	    "Tcp: A B\n\nTcp: 1 2\n",
	    "\n",
	    "\n\n",
	    " \n \n",
	    "Tcp A\nTcp 1\n",
	    "Tcp: A\nTcp: 1\nUdp: B\n",
	    "Tcp: A\nTcp: x\n",
	    "Tcp: A\nTcp: 1x\n",
	    "Tcp: A\nTcp: -1\n",
	    "Tcp: A\nTcp: +1\n",
	    "Tcp: A\nTcp: 1.5\n",
	    "Tcp: A\nTcp: 0x1\n",
	    "Tcp: A\nTcp: 1\t2\n",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct mib_counter counter = {"Tcp", "A"};

		if (parse(bad[i], &counter, 1) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	}
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	static const char text[] = "Tcp: A\nTcp: 1\0\n";
	struct guarded guarded = guard(text, sizeof(text) - 1, 1);
	struct mib_counter counter = {"Tcp", "A"};

	(void)state;
	assert_result(mib_parse(guarded.bytes, sizeof(text) - 1, &counter, 1), -EBADMSG);
	guard_free(&guarded);
}

static void a_text_may_end_without_a_newline(void **state)
{
	struct mib_counter counter = {"Tcp", "B"};

	(void)state;
	assert_result(parse("Tcp: A B\nTcp: 1 23", &counter, 1), 0);
	assert_int_equal(value_of(&counter), 23);
}

/* Each beginning of a real text, before a page that may not be touched. */
static void no_cut_makes_it_read_on(void **state)
{
	static const char *const texts[] = {snmp_2_6_32, netstat_2_6_32};

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		for (size_t length = 0; length <= strlen(texts[i]); length++) {
			struct mib_counter counters[] = {
			    {"Tcp", "OutRsts"}, {"TcpExt", "ListenDrops"}, {"Udp", "SndbufErrors"}};
			struct guarded guarded = guard(texts[i], length, 1);
			const int result =
			    mib_parse(guarded.bytes, length, counters, LENGTH(counters));

			if (result != 0)
				assert_result(result, -EBADMSG);
			guard_free(&guarded);
		}
	}
}

static void numbers_are_64_bits_wide(void **state)
{
	struct mib_counter counter = {"Tcp", "A"};

	(void)state;
	assert_result(parse("Tcp: A\nTcp: 4294967296\n", &counter, 1), 0);
	assert_true(value_of(&counter) == UINT64_C(4294967296));
	assert_result(parse("Tcp: A\nTcp: 18446744073709551609\n", &counter, 1), 0);
	assert_true(value_of(&counter) == UINT64_MAX - 6);
	assert_result(parse("Tcp: A\nTcp: 00000000000000000000000000023\n", &counter, 1), 0);
	assert_int_equal(value_of(&counter), 23);
	assert_result(parse("Tcp: A\nTcp: 18446744073709551616\n", &counter, 1), -EBADMSG);
	assert_result(parse("Tcp: A\nTcp: 28446744073709551609\n", &counter, 1), -EBADMSG);
	assert_result(parse("Tcp: A\nTcp: 184467440737095516090\n", &counter, 1), -EBADMSG);
	/* What nobody asked for is not looked at. */
	assert_result(parse("Tcp: B A\nTcp: 99999999999999999999999 7\n", &counter, 1), 0);
	assert_int_equal(value_of(&counter), 7);
}

static void the_largest_number_is_one(void **state)
{
	struct mib_counter counter = {"Tcp", "A"};

	(void)state;
	assert_result(parse("Tcp: A\nTcp: 18446744073709551615\n", &counter, 1), 0);
	assert_true(value_of(&counter) == UINT64_MAX);
}

static void reads_files(void **state)
{
	struct workspace workspace;
	struct mib_counter counter = {"Tcp", "ActiveOpens"};

	(void)state;
	workspace_make(&workspace);
	assert_result(mib_read(workspace.path, "snmp", &counter, 1), -ENOENT);
	workspace_write(&workspace, "net/snmp", snmp_2_6_32);
	assert_result(mib_read(workspace.path, "snmp", &counter, 1), 0);
	assert_int_equal(value_of(&counter), 11);
	workspace_write(&workspace, "net/snmp", "Tcp: ActiveOpens\n");
	assert_result(mib_read(workspace.path, "snmp", &counter, 1), -EBADMSG);
	workspace_remove(&workspace);
}

static void reads_this_kernel(void **state)
{
	struct mib_counter counters[] = {{"Tcp", "ActiveOpens"}, {"Tcp", "OutRsts"}};
	struct mib_counter extended[] = {{"TcpExt", "TW"}, {"TcpExt", "ListenDrops"}};

	(void)state;
	assert_result(mib_read("/proc", "snmp", counters, 2), 0);
	assert_result(mib_read("/proc", "netstat", extended, 2), 0);
	for (size_t i = 0; i < 2; i++) {
		value_of(&counters[i]);
		value_of(&extended[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_fields_by_name),
	    cmocka_unit_test(a_later_kernel_has_more),
	    cmocka_unit_test(one_negative_value_harms_nobody_else),
	    cmocka_unit_test(nothing_asked_or_nothing_there_is_no_error),
	    cmocka_unit_test(a_name_is_the_whole_name),
	    cmocka_unit_test(pairs_that_do_not_match_are_refused),
	    cmocka_unit_test(bytes_that_are_no_text_are_refused),
	    cmocka_unit_test(a_text_may_end_without_a_newline),
	    cmocka_unit_test(no_cut_makes_it_read_on),
	    cmocka_unit_test(numbers_are_64_bits_wide),
	    cmocka_unit_test(the_largest_number_is_one),
	    cmocka_unit_test(reads_files),
	    cmocka_unit_test(reads_this_kernel),
	};

	return cmocka_run_group_tests_name("mib", tests, NULL, NULL);
}
