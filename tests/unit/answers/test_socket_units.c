// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/socket_units.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

static struct portset parse(const char *text)
{
	struct portset ports = {0};

	socket_units_parse(text, strlen(text), &ports);
	return ports;
}

static void assert_only(const char *text, uint16_t port)
{
	const struct portset ports = parse(text);

	assert_int_equal(portset_count(&ports), port ? 1 : 0);
	assert_true(port == 0 || portset_has(&ports, port));
}

static void test_ports(void **state)
{
	(void)state;
	assert_only("[Socket]\nListenStream=8080\n", 8080);
	assert_only("ListenDatagram=514", 514);
	assert_only("ListenStream=127.0.0.1:46580\r\n", 46580);
	assert_only("ListenStream=[::]:46580 \t\n", 46580);
	assert_only("ListenStream= 65535", 65535);
	assert_only(" \tListenStream\t= 8080", 8080);
}

static void test_no_ports(void **state)
{
	(void)state;
	assert_only("", 0);
	assert_only("ListenStream=", 0);
	assert_only("ListenStream=\n", 0);
	assert_only("ListenStream=0\nListenStream=65536\n", 0);
	assert_only("ListenStream=/run/8080\nListenStream=@8080\n", 0);
	assert_only("ListenStream=vsock:2:1234\n", 0);
	assert_only("ListenSequentialPacket=8080\nListenStreams=8080\n", 0);
	assert_only("#ListenStream=8080\n;ListenStream=8080\n", 0);
	assert_only("ListenStream=[::1]\n", 0);
	/* %i and the like are filled in by systemd. */
	assert_only("ListenStream=%i\n", 0);
}

static void test_a_long_line(void **state)
{
	char line[300] = "ListenStream=";

	(void)state;
	memset(line + 13, '1', sizeof(line) - 14);
	assert_only(line, 0);
}

static void test_a_directory_that_is_not_there(void **state)
{
	struct portset ports = {0};

	(void)state;
	assert_int_equal(socket_units_read("/dev/null/no", &ports), -ENOTDIR);
	assert_int_equal(portset_count(&ports), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ports),
	    cmocka_unit_test(test_no_ports),
	    cmocka_unit_test(test_a_long_line),
	    cmocka_unit_test(test_a_directory_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
