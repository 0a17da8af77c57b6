// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/conntrack_netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#include "conntrack_messages.h"
#include "guard_page.h"
#include "unit.h"

static int decode(const char *hex, struct conntrack_entry *entry)
{
	struct guarded guarded = guard_hex(hex);
	const int result = conntrack_decode((const struct nlmsghdr *)(void *)guarded.bytes, entry);

	guard_free(&guarded);
	return result;
}

static void add_tuple(
    const struct conntrack_tuple *tuple, enum socket_family family, char *text, size_t size)
{
	char addresses[2][SOCKET_ADDRESS_TEXT];

	socket_address_format(&tuple->source, family, 0, addresses[0]);
	socket_address_format(&tuple->destination, family, 0, addresses[1]);
	snprintf(text, size, "%s %u > %s %u", addresses[0], tuple->source_port, addresses[1],
	    tuple->destination_port);
}

static void assert_entry(const char *hex, enum socket_protocol protocol, bool is_closing,
    const char *original, const char *reply)
{
	struct conntrack_entry entry;
	char text[2 * SOCKET_ADDRESS_TEXT + 16];

	assert_result(decode(hex, &entry), 1);
	assert_int_equal(entry.protocol, protocol);
	assert_int_equal(entry.is_closing, is_closing);
	assert_true(conntrack_is_translated(&entry));
	add_tuple(&entry.original, entry.family, text, sizeof(text));
	assert_string_equal(text, original);
	add_tuple(&entry.reply, entry.family, text, sizeof(text));
	assert_string_equal(text, reply);
}

static void entries(void **state)
{
	struct conntrack_entry entry;

	(void)state;
	assert_entry(ENTRY_TCP6, SOCKET_TCP, false, "fd77:1::2 42395 > fd77:2::2 443",
	    "fd77:2::2 443 > fd77:2::1 40009");
	assert_entry(ENTRY_TIME_WAIT, SOCKET_TCP, true, "10.77.1.2 46277 > 10.77.2.2 443",
	    "10.77.2.2 443 > 10.77.2.1 40009");
	assert_entry(ENTRY_UDP, SOCKET_UDP, false, "10.77.1.2 57554 > 10.77.2.2 53",
	    "10.77.2.2 53 > 10.77.2.1 40000");
	assert_entry(ENTRY_DNAT, SOCKET_TCP, false, "10.77.1.2 58783 > 10.77.2.9 80",
	    "10.77.2.2 8080 > 10.77.2.1 40000");
	assert_result(decode(ENTRY_ICMP, &entry), 0);
}

static void the_zone_is_that_of_answers(void **state)
{
	static const struct {
		const char *hex;
		unsigned zone;
	} rows[] = {
	    {ENTRY_UDP, 0}, {ENTRY_ZONE_BOTH, 5}, {ENTRY_ZONE_REPLY, 5}, {ENTRY_ZONE_ORIGINAL, 0}};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct conntrack_entry entry = {.zone = 1};

		assert_result(decode(rows[i].hex, &entry), 1);
		assert_int_equal(entry.zone, rows[i].zone);
		assert_true(conntrack_is_translated(&entry));
	}
}

/* CLOSE is 8; the state is the first attribute with one byte in CTA_PROTOINFO_TCP. */
static void closed_is_closing(void **state)
{
	static const char time_wait[] = {5, 0, 1, 0, 7, 0, 0, 0};
	struct guarded guarded = guard_hex(ENTRY_TIME_WAIT);
	const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)guarded.bytes;
	char *found = memmem(guarded.bytes, message->nlmsg_len, time_wait, sizeof(time_wait));
	struct conntrack_entry entry;

	(void)state;
	assert_non_null(found);
	found[4] = 8;
	assert_result(conntrack_decode(message, &entry), 1);
	assert_true(entry.is_closing);
	/* CLOSE_WAIT: the kernel does not evict it. */
	found[4] = 5;
	assert_result(conntrack_decode(message, &entry), 1);
	assert_false(entry.is_closing);
	guard_free(&guarded);
}

/* A message that ends early: refused, or whole where only what follows both tuples is missing. */
static void cut(const char *hex)
{
	const size_t length = strlen(hex) / 2;
	size_t whole = 0;

	for (size_t size = NLMSG_HDRLEN; size < length; size += 4) {
		struct guarded all = guard_hex(hex);
		struct guarded guarded = guard(all.bytes, size, 4);
		struct nlmsghdr *message = (struct nlmsghdr *)(void *)guarded.bytes;
		struct conntrack_entry entry;
		int result;

		message->nlmsg_len = (uint32_t)size;
		result = conntrack_decode(message, &entry);
		if (result > 0)
			whole++;
		else
			assert_result(result, -EBADMSG);
		guard_free(&guarded);
		guard_free(&all);
	}
	assert_in_range(whole, 1, 12);
}

static void entries_that_end_early(void **state)
{
	struct conntrack_entry entry;

	(void)state;
	cut(ENTRY_TCP6);
	cut(ENTRY_TIME_WAIT);
	cut(ENTRY_UDP);
	cut(ENTRY_ZONE_BOTH);
	cut(ENTRY_ZONE_REPLY);
	/* Of a family that is not of the internet. */
	assert_result(decode("14000000000102000100000000000000"
			     "07000000",
			  &entry),
	    0);
}

static void counters(void **state)
{
	static const char drop[] = {8, 0, 10, 0, 0, 0, 0, 0};
	struct conntrack_counter counters[] = {
	    {.name = "insert_failed"}, {.name = "drop"}, {.name = "no_such_one"}};
	struct guarded guarded = guard_hex(STATS);
	struct nlmsghdr *message = (struct nlmsghdr *)(void *)guarded.bytes;
	char *found = memmem(guarded.bytes, message->nlmsg_len, drop, sizeof(drop));

	(void)state;
	assert_non_null(found);
	found[7] = 3;
	/* One message for each processor. */
	assert_result(conntrack_decode_stats(message, counters, LENGTH(counters)), 0);
	found[6] = 1;
	assert_result(conntrack_decode_stats(message, counters, LENGTH(counters)), 0);
	assert_true(counters[0].found);
	assert_int_equal(counters[0].value, 0);
	assert_true(counters[1].found);
	assert_int_equal(counters[1].value, 3 + 0x103);
	assert_false(counters[2].found);
	message->nlmsg_len -= 4;
	assert_result(conntrack_decode_stats(message, counters, LENGTH(counters)), -EBADMSG);
	guard_free(&guarded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entries),
	    cmocka_unit_test(the_zone_is_that_of_answers),
	    cmocka_unit_test(closed_is_closing),
	    cmocka_unit_test(entries_that_end_early),
	    cmocka_unit_test(counters),
	};

	return cmocka_run_group_tests_name("conntrack_netlink", tests, NULL, NULL);
}
