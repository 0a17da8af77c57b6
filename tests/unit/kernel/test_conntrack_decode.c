// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "collectors/bpf/conntrack_table.h"
#include "collectors/kernel/conntrack_table.h"
#include "unit.h"

static const struct table_record ipv4 = {
    .original = {.source = {0}, .source_port = 33001, .destination_port = 443},
    .reply = {.source_port = 8443, .destination_port = 40007},
    .protocol = IPPROTO_TCP,
    .family = AF_INET,
    .tcp_state = 3,
};
static struct conntrack_entry entry;

static int decode(const struct table_record *record)
{
	memset(&entry, 0xa5, sizeof(entry));
	return conntrack_table_decode(record, &entry);
}

static void assert_address(
    const struct socket_address *address, enum socket_family family, const char *wanted)
{
	char text[SOCKET_ADDRESS_TEXT];

	socket_address_format(address, family, 0, text);
	assert_string_equal(text, wanted);
}

static void both_directions(void **state)
{
	struct table_record record = ipv4;

	(void)state;
	inet_pton(AF_INET, "10.77.1.2", record.original.source);
	inet_pton(AF_INET, "10.77.2.9", record.original.destination);
	inet_pton(AF_INET, "10.77.2.2", record.reply.source);
	inet_pton(AF_INET, "10.77.2.1", record.reply.destination);
	assert_result(decode(&record), 0);
	assert_int_equal(entry.protocol, SOCKET_TCP);
	assert_int_equal(entry.family, SOCKET_IPV4);
	assert_false(entry.is_closing);
	assert_address(&entry.original.source, SOCKET_IPV4, "10.77.1.2");
	assert_address(&entry.original.destination, SOCKET_IPV4, "10.77.2.9");
	assert_address(&entry.reply.source, SOCKET_IPV4, "10.77.2.2");
	assert_address(&entry.reply.destination, SOCKET_IPV4, "10.77.2.1");
	assert_int_equal(entry.original.source_port, 33001);
	assert_int_equal(entry.original.destination_port, 443);
	assert_int_equal(entry.reply.source_port, 8443);
	assert_int_equal(entry.reply.destination_port, 40007);
	assert_true(conntrack_is_translated(&entry));
	assert_int_equal(entry.zone, 0);
	record.zone = 65535;
	assert_result(decode(&record), 0);
	assert_int_equal(entry.zone, 65535);
}

static void ipv6(void **state)
{
	struct table_record record = ipv4;

	(void)state;
	record.family = AF_INET6;
	record.protocol = IPPROTO_UDP;
	inet_pton(AF_INET6, "fd77::1:2", record.original.source);
	inet_pton(AF_INET6, "fd77::2:1", record.reply.destination);
	assert_result(decode(&record), 0);
	assert_int_equal(entry.protocol, SOCKET_UDP);
	assert_int_equal(entry.family, SOCKET_IPV6);
	assert_address(&entry.original.source, SOCKET_IPV6, "fd77::1:2");
	assert_address(&entry.reply.destination, SOCKET_IPV6, "fd77::2:1");
}

/* enum tcp_conntrack of the kernel: 7 is TIME_WAIT, 8 is CLOSE. */
static void closing_ones_of_tcp(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		struct table_record record = ipv4;

		record.tcp_state = (uint8_t)i;
		assert_result(decode(&record), 0);
		assert_int_equal(entry.is_closing, i == 7 || i == 8);
		record.protocol = IPPROTO_UDP;
		assert_result(decode(&record), 0);
		assert_false(entry.is_closing);
	}
}

static void what_is_no_entry(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		struct table_record record = ipv4;

		record.protocol = (uint8_t)i;
		assert_result(decode(&record), i == IPPROTO_TCP || i == IPPROTO_UDP ? 0 : -EBADMSG);
		record = ipv4;
		record.family = (uint8_t)i;
		assert_result(decode(&record), i == AF_INET || i == AF_INET6 ? 0 : -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_directions),
	    cmocka_unit_test(ipv6),
	    cmocka_unit_test(closing_ones_of_tcp),
	    cmocka_unit_test(what_is_no_entry),
	};

	return cmocka_run_group_tests_name("conntrack_decode", tests, NULL, NULL);
}
