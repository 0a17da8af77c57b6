// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/inet_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bytecode.h"
#include "guard_page.h"
#include "messages.h"
#include "unit.h"

/* Not in the headers of every kernel that this is built on. */
#define ATTRIBUTE_UNKNOWN 999
#define ATTRIBUTE_CGROUP_ID 21

static struct messages messages;

static const struct record established = {
    .family = AF_INET,
    .state = SOCKET_ESTABLISHED,
    .local = "10.1.2.3",
    .local_port = 41234,
    .remote = "192.0.2.9",
    .remote_port = 443,
    .interface = 7,
    .rqueue = 11,
    .wqueue = 13,
    .uid = 1009,
    .inode = 4000000007u,
};

static void start(const struct record *record)
{
	memset(&messages, 0, sizeof(messages));
	messages_add_record(&messages, record);
}

static void attribute(uint16_t type, const void *value, size_t length)
{
	messages_add_attribute(&messages, 0, type, value, length);
}

/* Decodes the first length bytes, with nlmsg_len saying so, before a page of no access. */
static int decode_cut(enum listing listing, size_t length, struct socket *socket)
{
	struct guarded guarded;
	int result;

	messages_at(&messages, 0)->nlmsg_len = (uint32_t)length;
	guarded = guard(messages.bytes, length, _Alignof(struct nlmsghdr));
	result = inet_diag_decode(listing, (const struct nlmsghdr *)(void *)guarded.bytes, socket);
	guard_free(&guarded);
	return result;
}

static int decode(enum listing listing, struct socket *socket)
{
	memset(socket, 0xa5, sizeof(*socket));
	return decode_cut(listing, messages_at(&messages, 0)->nlmsg_len, socket);
}

static void assert_address(const struct socket_address *found, int family, const char *text)
{
	struct socket_address wanted = {{0}};

	assert_int_equal(inet_pton(family, text, wanted.bytes), 1);
	assert_memory_equal(found, &wanted, sizeof(wanted));
}

static void decodes_every_field(void **state)
{
	const uint64_t cgroup = UINT64_C(0x123456789abcdef0);
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_CGROUP_ID, &cgroup, sizeof(cgroup));
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.protocol, SOCKET_TCP);
	assert_int_equal(socket.family, SOCKET_IPV4);
	assert_int_equal(socket.state, SOCKET_ESTABLISHED);
	assert_int_equal(socket.local_port, 41234);
	assert_int_equal(socket.remote_port, 443);
	assert_address(&socket.local, AF_INET, "10.1.2.3");
	assert_address(&socket.remote, AF_INET, "192.0.2.9");
	assert_int_equal(socket.interface, 7);
	assert_int_equal(socket.expires_ms, 0);
	assert_int_equal(socket.queue, 0);
	assert_int_equal(socket.queue_limit, 0);
	assert_int_equal(socket.uid, 1009);
	assert_int_equal(socket.inode, 4000000007u);
	assert_int_equal(socket.cgroup_id, cgroup);
}

static void decodes_ipv6(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.family = AF_INET6;
	record.local = "fe80::1234";
	record.remote = "2001:db8::1:2:3";
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.family, SOCKET_IPV6);
	assert_address(&socket.local, AF_INET6, "fe80::1234");
	assert_address(&socket.remote, AF_INET6, "2001:db8::1:2:3");
	assert_int_equal(socket.cgroup_id, 0);
}

static void an_ipv4_record_has_only_four_bytes_of_address(void **state)
{
	struct socket socket;

	(void)state;
	start(&established);

	/* What the kernel leaves behind them must not become part of a key. */
	struct inet_diag_msg *diag = NLMSG_DATA(messages_at(&messages, 0));

	diag->id.idiag_src[1] = diag->id.idiag_dst[3] = 0xffffffff;
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_address(&socket.local, AF_INET, "10.1.2.3");
	assert_address(&socket.remote, AF_INET, "192.0.2.9");
}

static void a_mapped_record_is_ipv4(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.family = AF_INET6;
	record.local = "::ffff:10.1.2.3";
	record.remote = "::ffff:192.0.2.9";
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.family, SOCKET_IPV4);
	assert_address(&socket.local, AF_INET, "10.1.2.3");
	assert_address(&socket.remote, AF_INET, "192.0.2.9");
}

static void udp_listings_are_udp(void **state)
{
	static const enum listing udp[] = {
	    LISTING_UDP4, LISTING_UDP6, LISTING_UDP4_CHOSEN, LISTING_UDP6_CHOSEN};
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_CLOSE;
	start(&record);
	for (size_t i = 0; i < LENGTH(udp); i++) {
		assert_result(decode(udp[i], &socket), 0);
		assert_int_equal(socket.protocol, SOCKET_UDP);
		assert_int_equal(socket.state, SOCKET_CLOSE);
	}
}

static void a_tcp_close_is_bound_only(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_CLOSE;
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.state, SOCKET_BOUND);
	assert_result(decode(LISTING_TCP_BOUND, &socket), 0);
	assert_int_equal(socket.state, SOCKET_BOUND);
	record.state = SOCKET_BOUND;
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.state, SOCKET_BOUND);
}

static void new_syn_recv_is_syn_recv(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_NEW_SYN_RECV;
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.state, SOCKET_SYN_RECV);
}

static void every_other_state_is_itself(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	for (uint8_t i = SOCKET_ESTABLISHED; i <= SOCKET_CLOSING; i++) {
		if (i == SOCKET_CLOSE)
			continue;
		record.state = i;
		start(&record);
		assert_result(decode(LISTING_TCP, &socket), 0);
		assert_int_equal(socket.state, i);
	}
}

static void refuses_states_that_do_not_exist(void **state)
{
	static const uint8_t bad[] = {0, SOCKET_STATES, 15, 255};
	struct record record = established;
	struct socket socket;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		record.state = bad[i];
		start(&record);
		assert_result(decode(LISTING_TCP, &socket), -EBADMSG);
	}
}

static void refuses_families_that_do_not_exist(void **state)
{
	static const uint8_t bad[] = {AF_UNSPEC, AF_UNIX, AF_NETLINK, 255};
	struct socket socket;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		start(&established);
		((struct inet_diag_msg *)NLMSG_DATA(messages_at(&messages, 0)))->idiag_family =
		    bad[i];
		assert_result(decode(LISTING_TCP, &socket), -EBADMSG);
	}
}

static void time_wait_expires_by_its_own_timer_only(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_TIME_WAIT;
	record.expires = 58999;
	for (uint8_t timer = 0; timer <= 4; timer++) {
		record.timer = timer;
		start(&record);
		assert_result(decode(LISTING_TCP, &socket), 0);
		assert_int_equal(socket.state, SOCKET_TIME_WAIT);
		assert_int_equal(socket.expires_ms, timer == 3 ? 58999 : 0);
	}
	/* A retransmission timer's milliseconds are no TIME_WAIT's. */
	record.state = SOCKET_ESTABLISHED;
	record.timer = 1;
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.expires_ms, 0);
}

static void queues_are_those_of_listeners(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_LISTEN;
	start(&record);
	assert_result(decode(LISTING_TCP_LISTEN, &socket), 0);
	assert_int_equal(socket.queue, 11);
	assert_int_equal(socket.queue_limit, 13);
}

static void refuses_short_records(void **state)
{
	struct socket socket;

	(void)state;
	start(&established);
	for (size_t length = NLMSG_HDRLEN; length < NLMSG_LENGTH(sizeof(struct inet_diag_msg));
	     length++)
		assert_result(decode_cut(LISTING_TCP, length, &socket), -EBADMSG);
	assert_result(
	    decode_cut(LISTING_TCP, NLMSG_LENGTH(sizeof(struct inet_diag_msg)), &socket), 0);
}

static void skips_unknown_attributes(void **state)
{
	const uint64_t cgroup = 4711;
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_UNKNOWN, "", 0);
	attribute(INET_DIAG_SHUTDOWN, "\x03", 1);
	attribute(ATTRIBUTE_UNKNOWN, "some bytes!", 11);
	attribute(ATTRIBUTE_CGROUP_ID, &cgroup, sizeof(cgroup));
	attribute(ATTRIBUTE_UNKNOWN, "more", 4);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.cgroup_id, 4711);
}

static void an_attributes_flags_are_no_part_of_its_type(void **state)
{
	const uint64_t cgroup = 4711;
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_CGROUP_ID | NLA_F_NESTED, &cgroup, sizeof(cgroup));
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.cgroup_id, 4711);
}

static void refuses_a_known_attribute_that_is_short(void **state)
{
	const uint64_t cgroup = 4711;
	struct socket socket;

	(void)state;
	for (size_t length = 0; length < sizeof(cgroup); length++) {
		start(&established);
		attribute(ATTRIBUTE_CGROUP_ID, &cgroup, length);
		assert_result(decode(LISTING_TCP, &socket), -EBADMSG);
	}
}

static void takes_a_known_attribute_that_is_longer(void **state)
{
	const uint64_t cgroup[2] = {4711, 1};
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_CGROUP_ID, cgroup, sizeof(cgroup));
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.cgroup_id, 4711);
}

/* nla_len counts its own header: below 4 a reader that trusts it stands still or goes back. */
static void refuses_attributes_shorter_than_their_header(void **state)
{
	struct socket socket;

	(void)state;
	for (uint16_t length = 0; length < sizeof(struct nlattr); length++) {
		const size_t at = NLMSG_SPACE(sizeof(struct inet_diag_msg));

		start(&established);
		attribute(ATTRIBUTE_UNKNOWN, "abcd", 4);
		memcpy(messages.bytes + at, &length, sizeof(length));
		assert_result(decode(LISTING_TCP, &socket), -EBADMSG);
	}
}

static void refuses_an_attribute_that_is_cut_off(void **state)
{
	const uint64_t cgroup = 4711;
	const size_t record = NLMSG_SPACE(sizeof(struct inet_diag_msg));
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_CGROUP_ID, &cgroup, sizeof(cgroup));
	for (size_t length = record; length < record + 12; length++) {
		const int result = decode_cut(LISTING_TCP, length, &socket);

		/* Less than an attribute's header is padding. */
		assert_result(result, length < record + sizeof(struct nlattr) ? 0 : -EBADMSG);
	}
	assert_result(decode_cut(LISTING_TCP, record + 12, &socket), 0);
	assert_int_equal(socket.cgroup_id, 4711);
}

static void every_prefix_is_read_within_its_bounds(void **state)
{
	const uint64_t cgroup = 4711;
	struct socket socket;
	size_t whole;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_UNKNOWN, "xyz", 3);
	attribute(ATTRIBUTE_CGROUP_ID, &cgroup, sizeof(cgroup));
	attribute(ATTRIBUTE_UNKNOWN, "x", 1);
	whole = messages_at(&messages, 0)->nlmsg_len;
	for (size_t length = NLMSG_HDRLEN; length <= whole; length++) {
		const int result = decode_cut(LISTING_TCP, length, &socket);

		assert_true(result == 0 || result == -EBADMSG);
	}
}

/* The last attribute's padding need not be in the message. */
static void a_last_attribute_may_lack_its_padding(void **state)
{
	const size_t record = NLMSG_SPACE(sizeof(struct inet_diag_msg));
	struct socket socket;

	(void)state;
	start(&established);
	attribute(INET_DIAG_SHUTDOWN, "\x03", 1);
	assert_result(decode_cut(LISTING_TCP, record + 5, &socket), 0);
}

static const struct {
	enum listing listing;
	const char *name;
	enum socket_protocol protocol;
	uint8_t family; /* 0: the legacy request */
	uint32_t states;
	int filter;
} requests[] = {
    {LISTING_TCP_LISTEN, "tcp_listen", SOCKET_TCP, 0, 0x0400, 0},
    {LISTING_TCP_CHOSEN, "tcp_chosen", SOCKET_TCP, 0, 0x1bfe, 1},
    {LISTING_TCP_BOUND, "tcp_bound", SOCKET_TCP, 0, 0x2000, 0},
    {LISTING_TCP, "tcp", SOCKET_TCP, 0, 0x3bfe, 0},
    {LISTING_UDP4_CHOSEN, "udp4_chosen", SOCKET_UDP, AF_INET, 0x3ffe, 1},
    {LISTING_UDP6_CHOSEN, "udp6_chosen", SOCKET_UDP, AF_INET6, 0x3ffe, 1},
    {LISTING_UDP4, "udp4", SOCKET_UDP, AF_INET, 0x3ffe, 0},
    {LISTING_UDP6, "udp6", SOCKET_UDP, AF_INET6, 0x3ffe, 0},
    {LISTING_TCP_BINDS_CHOSEN, "tcp_binds_chosen", SOCKET_TCP, 0, 0x2400, 1},
    {LISTING_TCP_CONNECTED, "tcp_connected", SOCKET_TCP, 0, 0x1bfe, 0},
};

static void listings_have_names_and_protocols(void **state)
{
	(void)state;
	/* sock_diag has no request for LISTING_UDP. */
	assert_int_equal(LENGTH(requests), LISTINGS - 1);
	assert_string_equal(listing_name(LISTING_UDP), "udp");
	assert_int_equal(listing_protocol(LISTING_UDP), SOCKET_UDP);
	for (size_t i = 0; i < LENGTH(requests); i++) {
		assert_string_equal(listing_name(requests[i].listing), requests[i].name);
		assert_int_equal(listing_protocol(requests[i].listing), requests[i].protocol);
	}
}

static void put32(uint8_t *place, uint32_t value)
{
	memcpy(place, &value, sizeof(value));
}

static void put16(uint8_t *place, uint16_t value)
{
	memcpy(place, &value, sizeof(value));
}

/* The bytes by hand, from include/uapi/linux/{netlink,inet_diag,sock_diag}.h. */
static size_t expected_request(size_t i, uint8_t bytes[INET_DIAG_REQUEST_SIZE])
{
	const bool legacy = requests[i].family == 0;
	size_t length = 16 + (legacy ? 60 : 56);

	memset(bytes, 0, INET_DIAG_REQUEST_SIZE);
	put16(bytes + 4, legacy ? 18 : 20); /* TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY */
	put16(bytes + 6, 0x0301);	    /* NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH */
	if (legacy) {
		put32(bytes + 16 + 4 + 48, requests[i].states);
	} else {
		bytes[16] = requests[i].family;
		bytes[17] = IPPROTO_UDP;
		put32(bytes + 20, requests[i].states);
	}
	if (requests[i].filter) {
		put16(bytes + length, 12);
		put16(bytes + length + 2, 1); /* INET_DIAG_REQ_BYTECODE */
		bytes[length + 4] = INET_DIAG_BC_AUTO;
		bytes[length + 5] = 4;
		put16(bytes + length + 6, 8);
		bytes[length + 8] = INET_DIAG_BC_JMP;
		bytes[length + 9] = 4;
		put16(bytes + length + 10, 8);
		length += 12;
	}
	put32(bytes, (uint32_t)length);
	return length;
}

static void requests_are_exact_to_the_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(requests); i++) {
		_Alignas(8) char buffer[INET_DIAG_REQUEST_SIZE];
		uint8_t expected[INET_DIAG_REQUEST_SIZE];
		const size_t length = expected_request(i, expected);

		memset(buffer, 0xa5, sizeof(buffer));

		const struct nlmsghdr *message =
		    inet_diag_request(requests[i].listing, NULL, buffer);

		assert_ptr_equal(message, buffer);
		assert_int_equal(message->nlmsg_len, length);
		assert_memory_equal(buffer, expected, length);
	}
}

/* TCP's listings share no state, but for the bound ones; together they have all. */
static void tcps_listings_make_a_whole(void **state)
{
	const uint32_t listen = requests[LISTING_TCP_LISTEN].states;
	const uint32_t rest = requests[LISTING_TCP].states;

	(void)state;
	assert_int_equal(listen & rest, 0);
	assert_int_equal(listen | rest, 0x3ffe); /* bits 1 to 13 */
	assert_int_equal(
	    requests[LISTING_TCP_BOUND].states & rest, requests[LISTING_TCP_BOUND].states);
	/* The two that single out chosen ports make one as well. */
	assert_int_equal(
	    requests[LISTING_TCP_CHOSEN].states & requests[LISTING_TCP_BINDS_CHOSEN].states, 0);
	assert_int_equal(
	    requests[LISTING_TCP_CHOSEN].states | requests[LISTING_TCP_BINDS_CHOSEN].states,
	    0x3ffe);
}

static void filters_pass_the_audit_and_reject_auto(void **state)
{
	const struct bytecode_entry picked = {40000, 443, true};
	const struct bytecode_entry chosen = {40000, 443, false};

	(void)state;
	for (size_t i = 0; i < LENGTH(requests); i++) {
		_Alignas(8) char buffer[INET_DIAG_REQUEST_SIZE];
		const struct nlmsghdr *message =
		    inet_diag_request(requests[i].listing, NULL, buffer);
		const size_t header = 16 + (requests[i].family ? 56 : 60);
		const struct nlattr *attribute_of_it =
		    (const struct nlattr *)(void *)(buffer + header);
		const void *filter = attribute_of_it + 1;
		size_t length;

		if (!requests[i].filter)
			continue;
		length = attribute_of_it->nla_len - 4u;
		assert_int_equal(attribute_of_it->nla_type, INET_DIAG_REQ_BYTECODE);
		assert_int_equal(message->nlmsg_len, header + 4 + length);
		assert_true(bytecode_audit(filter, length));
		assert_false(bytecode_accepts(filter, length, &picked));
		assert_true(bytecode_accepts(filter, length, &chosen));
	}
}

/* What port_filter_compile() makes of a filter is what the request carries, whole. */
static void requests_carry_the_filter(void **state)
{
	static const char most[] = "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35,37,39,41,43,"
				   "45,47,49,51,53,55,57,59,61,63,65,67,69,71,73,75,77,79,81,83,"
				   "85,87,89,91,93,95,97,99,101,103,105,107,109,111,113,115,117,"
				   "119,121,123,125,65535";
	static const char *const sets[] = {"60416", "8000-8080", "1,65535", most};

	(void)state;
	for (size_t i = 0; i < LENGTH(requests) * LENGTH(sets); i++) {
		const enum listing listing = requests[i / LENGTH(sets)].listing;
		const char *text = sets[i % LENGTH(sets)];
		struct portset ports;
		const struct port_filter filter = {&ports, PORT_FILTER_LOCAL | PORT_FILTER_REMOTE};
		unsigned char code[PORT_FILTER_CODE_SIZE];
		uint8_t expected[INET_DIAG_REQUEST_SIZE];
		const size_t header = requests[listing].family ? 16 + 56 : 16 + 60;
		struct guarded room;
		size_t length;

		assert_result(portset_parse(text, strlen(text), &ports), 0);
		expected_request(listing, expected);
		length = port_filter_compile(&filter, requests[listing].filter, code);
		put32(expected, (uint32_t)(header + 4 + length));
		put16(expected + header, (uint16_t)(4 + length));
		put16(expected + header + 2, 1); /* INET_DIAG_REQ_BYTECODE */
		memcpy(expected + header + 4, code, length);
		/* The room that it asks for is enough, to the byte. */
		room = guard(messages.bytes, INET_DIAG_REQUEST_SIZE, 8);
		assert_ptr_equal(inet_diag_request(listing, &filter, room.bytes), room.bytes);
		assert_memory_equal(room.bytes, expected, header + 4 + length);
		guard_free(&room);
	}
}

/* A listing takes a socket by protocol and state; it says nothing of families. */
static void listings_tell_what_they_may_have(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(requests); i++) {
		for (int of = SOCKET_ESTABLISHED; of < SOCKET_STATES; of++) {
			struct socket socket = {
			    .protocol = SOCKET_TCP, .state = (enum socket_state)of};
			const bool in_state = requests[i].states >> of & 1;

			assert_int_equal(listing_may_have(requests[i].listing, &socket),
			    in_state && requests[i].protocol == SOCKET_TCP);
			socket.protocol = SOCKET_UDP;
			assert_int_equal(listing_may_have(requests[i].listing, &socket),
			    in_state && requests[i].protocol == SOCKET_UDP);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes_every_field),
	    cmocka_unit_test(decodes_ipv6),
	    cmocka_unit_test(an_ipv4_record_has_only_four_bytes_of_address),
	    cmocka_unit_test(a_mapped_record_is_ipv4),
	    cmocka_unit_test(udp_listings_are_udp),
	    cmocka_unit_test(a_tcp_close_is_bound_only),
	    cmocka_unit_test(new_syn_recv_is_syn_recv),
	    cmocka_unit_test(every_other_state_is_itself),
	    cmocka_unit_test(refuses_states_that_do_not_exist),
	    cmocka_unit_test(refuses_families_that_do_not_exist),
	    cmocka_unit_test(time_wait_expires_by_its_own_timer_only),
	    cmocka_unit_test(queues_are_those_of_listeners),
	    cmocka_unit_test(refuses_short_records),
	    cmocka_unit_test(skips_unknown_attributes),
	    cmocka_unit_test(an_attributes_flags_are_no_part_of_its_type),
	    cmocka_unit_test(refuses_a_known_attribute_that_is_short),
	    cmocka_unit_test(takes_a_known_attribute_that_is_longer),
	    cmocka_unit_test(refuses_attributes_shorter_than_their_header),
	    cmocka_unit_test(refuses_an_attribute_that_is_cut_off),
	    cmocka_unit_test(every_prefix_is_read_within_its_bounds),
	    cmocka_unit_test(a_last_attribute_may_lack_its_padding),
	    cmocka_unit_test(listings_have_names_and_protocols),
	    cmocka_unit_test(requests_are_exact_to_the_byte),
	    cmocka_unit_test(tcps_listings_make_a_whole),
	    cmocka_unit_test(filters_pass_the_audit_and_reject_auto),
	    cmocka_unit_test(requests_carry_the_filter),
	    cmocka_unit_test(listings_tell_what_they_may_have),
	};

	return cmocka_run_group_tests_name("inet_diag", tests, NULL, NULL);
}
