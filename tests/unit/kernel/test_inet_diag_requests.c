// SPDX-License-Identifier: Apache-2.0
/* What the kernel is asked. */
#include "collectors/kernel/inet_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "bytecode.h"
#include "guard_page.h"
#include "unit.h"

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
	char filled[INET_DIAG_REQUEST_SIZE];

	(void)state;
	memset(filled, 0xa5, sizeof(filled));
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
		room = guard(filled, sizeof(filled), 8);
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
	    cmocka_unit_test(listings_have_names_and_protocols),
	    cmocka_unit_test(requests_are_exact_to_the_byte),
	    cmocka_unit_test(tcps_listings_make_a_whole),
	    cmocka_unit_test(filters_pass_the_audit_and_reject_auto),
	    cmocka_unit_test(requests_carry_the_filter),
	    cmocka_unit_test(listings_tell_what_they_may_have),
	};

	return cmocka_run_group_tests_name("inet_diag_requests", tests, NULL, NULL);
}
