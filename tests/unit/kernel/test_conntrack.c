// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/conntrack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard_page.h"
#include "unit.h"
#include "workspace.h"

#define TCP                                                                                    \
	"ipv4     2 tcp      6 431999 ESTABLISHED src=10.77.1.2 dst=10.77.2.2 sport=33001 "    \
	"dport=443 src=10.77.2.2 dst=10.77.2.1 sport=443 dport=40007 [ASSURED] mark=0 zone=0 " \
	"use=2"

static int parse(const char *text, struct conntrack_entry *entry)
{
	struct guarded guarded = guard_string(text);
	const int result = conntrack_parse(guarded.bytes, strlen(text), entry);

	guard_free(&guarded);
	return result;
}

static void assert_address(
    const struct socket_address *address, enum socket_family family, const char *wanted)
{
	char text[SOCKET_ADDRESS_TEXT];

	socket_address_format(address, family, 0, text);
	assert_string_equal(text, wanted);
}

static void a_translated_connection(void **state)
{
	struct conntrack_entry entry;

	(void)state;
	assert_result(parse(TCP, &entry), 1);
	assert_int_equal(entry.protocol, SOCKET_TCP);
	assert_int_equal(entry.family, SOCKET_IPV4);
	assert_false(entry.is_closing);
	assert_true(conntrack_is_translated(&entry));
	assert_address(&entry.original.source, SOCKET_IPV4, "10.77.1.2");
	assert_address(&entry.original.destination, SOCKET_IPV4, "10.77.2.2");
	assert_int_equal(entry.original.source_port, 33001);
	assert_int_equal(entry.original.destination_port, 443);
	assert_address(&entry.reply.source, SOCKET_IPV4, "10.77.2.2");
	assert_address(&entry.reply.destination, SOCKET_IPV4, "10.77.2.1");
	assert_int_equal(entry.reply.source_port, 443);
	assert_int_equal(entry.reply.destination_port, 40007);
}

static void what_is_not_translated(void **state)
{
	struct conntrack_entry entry;

	(void)state;
	/* With counters, a zone, and no answer yet. */
	assert_result(
	    parse("ipv4     2 udp      17 29 src=10.0.0.1 dst=10.0.0.2 sport=5353 dport=53 "
		  "zone-orig=3 packets=1 bytes=60 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=53 "
		  "dport=5353 packets=0 bytes=0 mark=0 use=2",
		&entry),
	    1);
	assert_int_equal(entry.protocol, SOCKET_UDP);
	assert_false(conntrack_is_translated(&entry));
	/* Only its destination is. */
	assert_result(parse("ipv4 2 tcp 6 9 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 "
			    "src=10.9.9.9 dst=10.0.0.1 sport=8080 dport=9 use=2",
			  &entry),
	    1);
	assert_false(conntrack_is_translated(&entry));
	/* Only its port is. */
	assert_result(parse("ipv4 2 tcp 6 9 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 "
			    "src=10.0.0.2 dst=10.0.0.1 sport=80 dport=10 use=2",
			  &entry),
	    1);
	assert_true(conntrack_is_translated(&entry));
}

static void closing_ones(void **state)
{
	static const struct {
		const char *protocol;
		const char *state;
		bool closing;
	} rows[] = {{"tcp", "TIME_WAIT", true}, {"tcp", "CLOSE", true},
	    {"tcp", "CLOSE_WAIT", false}, {"tcp", "LAST_ACK", false}, {"tcp", "FIN_WAIT", false},
	    {"udp", "CLOSE", false}};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct conntrack_entry entry;
		char line[300];

		snprintf(line, sizeof(line),
		    "ipv4 2 %s 6 9 %s src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 src=10.0.0.2 "
		    "dst=10.0.0.1 sport=80 dport=9 use=2",
		    rows[i].protocol, rows[i].state);
		assert_result(parse(line, &entry), 1);
		if (entry.is_closing != rows[i].closing)
			fail_msg("%s %s", rows[i].protocol, rows[i].state);
	}
}

static void ipv6(void **state)
{
	struct conntrack_entry entry;

	(void)state;
	assert_result(
	    parse("ipv6     10 tcp      6 58 CLOSE_WAIT "
		  "src=fd77:0001:0000:0000:0000:0000:0000:0003 "
		  "dst=fd77:0002:0000:0000:0000:0000:0000:0002 sport=57605 dport=443 "
		  "src=fd77:0002:0000:0000:0000:0000:0000:0002 "
		  "dst=fd77:0002:0000:0000:0000:0000:0000:0001 sport=443 dport=40006 [ASSURED] "
		  "mark=0 zone=0 use=2",
		&entry),
	    1);
	assert_int_equal(entry.family, SOCKET_IPV6);
	assert_address(&entry.original.source, SOCKET_IPV6, "fd77:1::3");
	assert_address(&entry.reply.destination, SOCKET_IPV6, "fd77:2::1");
	assert_int_equal(entry.reply.destination_port, 40006);
}

static unsigned zone_of(const char *before_answers, const char *behind, const char *end)
{
	struct conntrack_entry entry = {.zone = 1};
	char line[300];

	snprintf(line, sizeof(line),
	    "ipv4 2 tcp 6 9 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 %s[UNREPLIED] "
	    "src=10.0.0.2 dst=10.0.0.1 sport=80 dport=9 %smark=0 %suse=2",
	    before_answers, behind, end);
	assert_result(parse(line, &entry), 1);
	return entry.zone;
}

static void the_zone_is_that_of_answers(void **state)
{
	struct conntrack_entry entry;

	(void)state;
	assert_int_equal(zone_of("", "", ""), 0);
	assert_int_equal(zone_of("", "", "zone=0 "), 0);
	assert_int_equal(zone_of("", "", "zone=5 "), 5);
	assert_int_equal(zone_of("", "", "secctx=zz:z zone=65535 delta-time=9 "), 65535);
	assert_int_equal(zone_of("", "zone-reply=7 packets=1 bytes=60 ", ""), 7);
	assert_int_equal(zone_of("zone-orig=7 ", "", ""), 0);
	assert_int_equal(zone_of("", "", "secctx=z:zone=5 "), 0);
	assert_result(parse("ipv4 2 tcp 6 9 src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 "
			    "src=10.0.0.2 dst=10.0.0.1 sport=80 dport=9 zone=65536",
			  &entry),
	    -EBADMSG);
	assert_result(parse("ipv4 2 tcp 6 9 src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 "
			    "src=10.0.0.2 dst=10.0.0.1 sport=80 dport=9 zone=z",
			  &entry),
	    -EBADMSG);
}

static void other_protocols_are_left_out(void **state)
{
	struct conntrack_entry entry;

	(void)state;
	assert_result(parse("ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 "
			    "id=7 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=7 use=2",
			  &entry),
	    0);
	assert_result(parse("ipv4     2 sctp     132 29 src=10.0.0.1", &entry), 0);
	assert_result(parse("unknown  0 unknown  0 src=10.0.0.1", &entry), 0);
}

static void what_is_no_line_is_refused(void **state)
{
	static const char *const lines[] = {"", " ", "ipv4", "ipv4 2 tcp", "IPV4 2 tcp 6 ",
	    "ipv4 2 tcp 6 9 CLOSE",
	    "ipv4 2 tcp 6 9 src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 src=10.0.0.2 dst=10.0.0.1 "
	    "sport=80",
	    "ipv4 2 tcp 6 9 src=10.0.0.1 src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 src=10.0.0.2 "
	    "dst=10.0.0.1 sport=80 dport=9",
	    "ipv4 2 tcp 6 9 src=10.0.0 dst=10.0.0.2 sport=9 dport=80 src=10.0.0.2 dst=10.0.0.1 "
	    "sport=80 dport=9",
	    "ipv4 2 tcp 6 9 src=10.0.0.1 dst=10.0.0.2 sport=65536 dport=80 src=10.0.0.2 "
	    "dst=10.0.0.1 sport=80 dport=9",
	    "ipv4 2 tcp 6 9 src=10.0.0.1 dst=10.0.0.2 sport=-1 dport=80 src=10.0.0.2 "
	    "dst=10.0.0.1 sport=80 dport=9",
	    "ipv6 2 tcp 6 9 src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 src=10.0.0.2 dst=10.0.0.1 "
	    "sport=80 dport=9"};

	(void)state;
	for (size_t i = 0; i < LENGTH(lines); i++) {
		struct conntrack_entry entry;

		if (parse(lines[i], &entry) != -EBADMSG)
			fail_msg("taken: %s", lines[i]);
	}
}

static int parse_address(const char *address, struct conntrack_entry *entry)
{
	char line[160];

	snprintf(line, sizeof(line),
	    "ipv4 2 tcp 6 9 src=%s dst=10.0.0.2 sport=9 dport=80 src=10.0.0.2 dst=10.0.0.1 "
	    "sport=80 dport=9",
	    address);
	return parse(line, entry);
}

static void an_address_is_four_numbers(void **state)
{
	static const char *const wrong[] = {"", ".", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5",
	    "1..3.4", "256.2.3.4", "1.2.3.256", "1.2.3.0004", "1.2.3.4x", "x.2.3.4", "-1.2.3.4",
	    "1.2.3,4", "999.999.999.999", "::1"};
	static const uint8_t highest[] = {255, 0, 10, 199};
	struct conntrack_entry entry;

	(void)state;
	assert_int_equal(parse_address("255.0.10.199", &entry), 1);
	assert_memory_equal(entry.original.source.bytes, highest, sizeof(highest));
	for (size_t i = 0; i < LENGTH(wrong); i++)
		if (parse_address(wrong[i], &entry) != -EBADMSG)
			fail_msg("taken: %s", wrong[i]);
}

struct visited {
	unsigned long entries;
	unsigned long ports; /* the sum of theirs */
	unsigned long end_at;
};

static int visit(void *context, const struct conntrack_entry *entry)
{
	struct visited *visited = context;

	visited->ports += entry->reply.destination_port;
	return ++visited->entries == visited->end_at ? -ECANCELED : 0;
}

static void never(void *context)
{
	(void)context;
	fail();
}

static int walk(const struct workspace *workspace, struct visited *visited)
{
	struct conntrack *conntrack;
	int result = conntrack_open(workspace->path, &conntrack);

	if (result < 0)
		return result;
	result = conntrack_walk(conntrack, visit, never, visited);
	/* Each walk begins anew. */
	if (result == 0) {
		struct visited again = {0};

		assert_result(conntrack_walk(conntrack, visit, never, &again), 0);
		assert_int_equal(again.entries, visited->entries);
	}
	conntrack_close(conntrack);
	return result;
}

static void a_file_of_any_length(void **state)
{
	static const unsigned long counts[] = {0, 1, 2, 400, 1000, 5003};
	struct workspace workspace;

	(void)state;
	workspace_make(&workspace);
	for (size_t i = 0; i < LENGTH(counts); i++) {
		char *text = calloc(counts[i] + 1, sizeof(TCP) + 1);
		struct visited visited = {0};

		assert_non_null(text);
		for (unsigned long j = 0; j < counts[i]; j++)
			strcpy(text + j * sizeof(TCP), TCP "\n");
		workspace_write(&workspace, "net/nf_conntrack", text);
		free(text);
		assert_result(walk(&workspace, &visited), 0);
		assert_int_equal(visited.entries, counts[i]);
		assert_int_equal(visited.ports, counts[i] * 40007);
	}
	workspace_remove(&workspace);
}

static void files_that_are_none(void **state)
{
	struct workspace workspace;
	struct visited visited = {0};
	char *text = malloc(70001);

	(void)state;
	assert_non_null(text);
	workspace_make(&workspace);
	assert_result(walk(&workspace, &visited), -ENOENT);
	workspace_write(&workspace, "net/nf_conntrack", TCP "\n" TCP);
	assert_result(walk(&workspace, &visited), -EBADMSG);
	memset(text, 'a', 70000);
	text[70000] = '\0';
	workspace_write(&workspace, "net/nf_conntrack", text);
	assert_result(walk(&workspace, &visited), -EBADMSG);
	workspace_write(&workspace, "net/nf_conntrack", TCP "\n" TCP "\n" TCP "\n");
	visited = (struct visited){.end_at = 2};
	assert_result(walk(&workspace, &visited), -ECANCELED);
	assert_int_equal(visited.entries, 2);
	workspace_remove(&workspace);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_translated_connection),
	    cmocka_unit_test(what_is_not_translated),
	    cmocka_unit_test(closing_ones),
	    cmocka_unit_test(ipv6),
	    cmocka_unit_test(the_zone_is_that_of_answers),
	    cmocka_unit_test(other_protocols_are_left_out),
	    cmocka_unit_test(what_is_no_line_is_refused),
	    cmocka_unit_test(an_address_is_four_numbers),
	    cmocka_unit_test(a_file_of_any_length),
	    cmocka_unit_test(files_that_are_none),
	};

	return cmocka_run_group_tests_name("conntrack", tests, NULL, NULL);
}
