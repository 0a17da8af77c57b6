// SPDX-License-Identifier: Apache-2.0
/* One line. */
#include "collectors/kernel/procnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "guard_page.h"
#include "procnet_lines.h"
#include "unit.h"

static int decode(const char *line, enum socket_protocol protocol, enum socket_family family,
    struct socket *socket)
{
	struct guarded guarded = guard_string(line);
	const int result = procnet_decode(guarded.bytes, strlen(line), protocol, family, socket);

	guard_free(&guarded);
	return result;
}

static int decode_tcp(const char *line, struct socket *socket)
{
	return decode(line, SOCKET_TCP, SOCKET_IPV4, socket);
}

static void assert_address(const struct socket_address *found, int family, const char *text)
{
	struct socket_address wanted = {{0}};

	assert_int_equal(inet_pton(family, text, wanted.bytes), 1);
	assert_memory_equal(found, &wanted, sizeof(wanted));
}

static void reads_a_tcp_line(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode_tcp(TCP_LINE, &socket), 0);
	assert_int_equal(socket.protocol, SOCKET_TCP);
	assert_int_equal(socket.family, SOCKET_IPV4);
	assert_int_equal(socket.state, SOCKET_ESTABLISHED);
	assert_address(&socket.local, AF_INET, "127.0.0.1");
	assert_int_equal(socket.local_port, 41000);
	assert_address(&socket.remote, AF_INET, "192.0.0.2");
	assert_int_equal(socket.remote_port, 443);
	assert_int_equal(socket.uid, 1009);
	assert_int_equal(socket.inode, 38914);
	assert_int_equal(socket.queue, 0); /* 13 bytes are no queue of connections */
	assert_int_equal(socket.queue_limit, 0);
	assert_int_equal(socket.expires_ms, 0);
	assert_int_equal(socket.interface, 0);
	assert_int_equal(socket.cgroup_id, 0);
}

static void reads_a_listener(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode_tcp(LISTEN_LINE, &socket), 0);
	assert_int_equal(socket.state, SOCKET_LISTEN);
	assert_int_equal(socket.local_port, 8080);
	assert_int_equal(socket.queue, 7);
	assert_int_equal(socket.queue_limit, SOCKET_QUEUE_LIMIT_UNKNOWN);
	assert_int_equal(socket.inode, 1234567);
}

static void reads_a_time_wait(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode_tcp(TIME_WAIT_LINE, &socket), 0);
	assert_int_equal(socket.state, SOCKET_TIME_WAIT);
	assert_int_equal(socket.expires_ms, 58970); /* 0x1709 ticks of 10 ms */
	assert_int_equal(socket.inode, 0);
}

static void reads_tcp6(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode(TCP6_LINE, SOCKET_TCP, SOCKET_IPV6, &socket), 0);
	assert_int_equal(socket.family, SOCKET_IPV6);
	assert_int_equal(socket.state, SOCKET_CLOSE_WAIT);
	assert_address(&socket.local, AF_INET6, "::1");
	assert_address(&socket.remote, AF_INET6, "2001:db8::9");
	assert_int_equal(socket.local_port, 41002);
	assert_int_equal(socket.remote_port, 80);
}

static void reads_mapped_sockets_as_ipv4(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode(MAPPED_LINE, SOCKET_TCP, SOCKET_IPV6, &socket), 0);
	assert_int_equal(socket.family, SOCKET_IPV4);
	assert_address(&socket.local, AF_INET, "127.0.0.1");
	assert_address(&socket.remote, AF_INET, "192.0.0.2");
	assert_int_equal(socket.expires_ms, 0); /* a keepalive timer's ticks */
}

static void reads_udp(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode(UDP_LINE, SOCKET_UDP, SOCKET_IPV4, &socket), 0);
	assert_int_equal(socket.protocol, SOCKET_UDP);
	assert_int_equal(socket.state, SOCKET_CLOSE);
	assert_int_equal(socket.local_port, 68);
	assert_int_equal(socket.uid, 101);
	assert_int_equal(socket.inode, 20202);
}

static void new_syn_recv_is_syn_recv(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode_tcp("0: 0100007F:A028 0100007F:01BB 0C 0:0 00:0 0 0 0 0", &socket), 0);
	assert_int_equal(socket.state, SOCKET_SYN_RECV);
}

/* Any one field of a good line put wrong. */
static const struct {
	const char *what, *line;
} malformed[] = {
    {"nothing", ""},
    {"blanks", "     "},
    {"no slot", ": 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"slot", "x: 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"slot without colon", "0 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"slot of 33 bits", "4294967296: 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"short address", "0: 0100007:A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"long address", "0: 0100007F0:A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"address of 128 bits",
	"0: 00000000000000000000000001000000:A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"address no number", "0: 0100g07F:A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"no colon", "0: 0100007F A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"no port", "0: 0100007F: 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"port of 17 bits", "0: 0100007F:1A028 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"port no number", "0: 0100007F:xyz 0100007F:01BB 01 0:0 00:0 0 0 0 7"},
    {"remote address", "0: 0100007F:A028 0100x07F:01BB 01 0:0 00:0 0 0 0 7"},
    {"remote port", "0: 0100007F:A028 0100007F:10000 01 0:0 00:0 0 0 0 7"},
    {"state no number", "0: 0100007F:A028 0100007F:01BB zz 0:0 00:0 0 0 0 7"},
    {"state 0", "0: 0100007F:A028 0100007F:01BB 00 0:0 00:0 0 0 0 7"},
    {"state 14", "0: 0100007F:A028 0100007F:01BB 0E 0:0 00:0 0 0 0 7"},
    {"state 0xff", "0: 0100007F:A028 0100007F:01BB FF 0:0 00:0 0 0 0 7"},
    {"state of 33 bits", "0: 0100007F:A028 0100007F:01BB 100000001 0:0 00:0 0 0 0 7"},
    {"transmit queue", "0: 0100007F:A028 0100007F:01BB 01 z:0 00:0 0 0 0 7"},
    {"no receive queue", "0: 0100007F:A028 0100007F:01BB 01 0 00:0 0 0 0 7"},
    {"receive queue", "0: 0100007F:A028 0100007F:01BB 01 0:z 00:0 0 0 0 7"},
    {"receive queue of 33 bits", "0: 0100007F:A028 0100007F:01BB 01 0:100000000 00:0 0 0 0 7"},
    {"timer", "0: 0100007F:A028 0100007F:01BB 01 0:0 zz:0 0 0 0 7"},
    {"no timer's time", "0: 0100007F:A028 0100007F:01BB 01 0:0 00 0 0 0 7"},
    {"timer's time", "0: 0100007F:A028 0100007F:01BB 01 0:0 00:z 0 0 0 7"},
    {"uid", "0: 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 x 0 7"},
    {"negative uid", "0: 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 -1 0 7"},
    {"uid of 33 bits", "0: 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 4294967296 0 7"},
    {"inode", "0: 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 0 0 x"},
    {"no inode", "0: 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 0 0"},
    {"no inode but blanks", "0: 0100007F:A028 0100007F:01BB 01 0:0 00:0 0 0 0   "},
};

static void refuses_what_is_malformed_in_any_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(malformed); i++) {
		struct socket socket = {.inode = 99};

		if (decode_tcp(malformed[i].line, &socket) != -EBADMSG)
			fail_msg("%s: not refused", malformed[i].what);
		assert_int_equal(socket.inode, 99);
	}
}

/* Blanks inside a field would let two short numbers pass for a whole address. */
static void refuses_blanks_inside_an_address(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode("0: 00000000 0000000 0000000001000000:A02A "
			     "00000000000000000000000001000000:0050 01 0:0 00:0 0 0 0 7",
			  SOCKET_TCP, SOCKET_IPV6, &socket),
	    -EBADMSG);
	assert_result(decode("0: 00000000       00000000001000000:A02A "
			     "00000000000000000000000001000000:0050 01 0:0 00:0 0 0 0 7",
			  SOCKET_TCP, SOCKET_IPV6, &socket),
	    -EBADMSG);
	assert_result(
	    decode_tcp("0: 0100007F: A028 0100007F:01BB 01 0:0 00:0 0 0 0 7", &socket), -EBADMSG);
}

static void an_ipv4_line_is_no_ipv6_line(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode(TCP_LINE, SOCKET_TCP, SOCKET_IPV6, &socket), -EBADMSG);
	assert_result(decode(TCP6_LINE, SOCKET_TCP, SOCKET_IPV4, &socket), -EBADMSG);
}

static void the_largest_numbers_are_read(void **state)
{
	struct socket socket;

	(void)state;
	assert_result(decode_tcp("4294967295: FFFFFFFF:FFFF FFFFFFFF:FFFF 0d FFFFFFFF:FFFFFFFF "
				 "03:FFFFFFFF FFFFFFFF 4294967295 99999999999 4294967295",
			  &socket),
	    0);
	assert_int_equal(socket.local_port, 65535);
	assert_int_equal(socket.state, SOCKET_BOUND);
	assert_int_equal(socket.uid, UINT32_MAX);
	assert_int_equal(socket.inode, UINT32_MAX);
	assert_int_equal(socket.expires_ms, 0); /* no such time fits */
}

/* Every prefix, each directly before a page that may not be read. */
static void a_line_cut_off_anywhere_is_refused(void **state)
{
	static const struct {
		const char *line, *inode;
		enum socket_protocol protocol;
		enum socket_family family;
	} lines[] = {
	    {TCP_LINE, " 38914 1 ", SOCKET_TCP, SOCKET_IPV4},
	    {TCP6_LINE, " 40404 1 ", SOCKET_TCP, SOCKET_IPV6},
	    {UDP_LINE, " 20202 2 ", SOCKET_UDP, SOCKET_IPV4},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(lines); i++) {
		/* Up to the inode's first digit; nothing tells a number from its beginning. */
		const size_t needed =
		    (size_t)(strstr(lines[i].line, lines[i].inode) - lines[i].line) + 2;

		for (size_t length = 0; length <= strlen(lines[i].line); length++) {
			struct guarded guarded = guard(lines[i].line, length, 1);
			struct socket socket;

			assert_result(procnet_decode(guarded.bytes, length, lines[i].protocol,
					  lines[i].family, &socket),
			    length < needed ? -EBADMSG : 0);
			guard_free(&guarded);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_tcp_line),
	    cmocka_unit_test(reads_a_listener),
	    cmocka_unit_test(reads_a_time_wait),
	    cmocka_unit_test(reads_tcp6),
	    cmocka_unit_test(reads_mapped_sockets_as_ipv4),
	    cmocka_unit_test(reads_udp),
	    cmocka_unit_test(new_syn_recv_is_syn_recv),
	    cmocka_unit_test(refuses_what_is_malformed_in_any_field),
	    cmocka_unit_test(refuses_blanks_inside_an_address),
	    cmocka_unit_test(an_ipv4_line_is_no_ipv6_line),
	    cmocka_unit_test(the_largest_numbers_are_read),
	    cmocka_unit_test(a_line_cut_off_anywhere_is_refused),
	};

	if (htons(1) == 1) {
		fputs("skipped: the lines are a little-endian host's\n", stderr);
		return SKIPPED;
	}
	return cmocka_run_group_tests_name("procnet", tests, NULL, NULL);
}
