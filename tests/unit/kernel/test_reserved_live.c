// SPDX-License-Identifier: Apache-2.0
/*
 * ip_local_reserved_ports as the kernel itself prints it, in a network namespace of our own.
 * A copy in a fixture would not do: proc_do_large_bitmap() answers the first read() only, with
 * as much as that asked for, and every later one with an end of file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collectors/kernel/settings.h"
#include "namespace.h"
#include "unit.h"

#define SETTING "/proc/sys/net/ipv4/ip_local_reserved_ports"
#define FIRST 10001u

static int write_reserved(unsigned ports)
{
	const int fd = open(SETTING, O_WRONLY | O_CLOEXEC);
	char text[4000];
	size_t length = 0;

	if (fd < 0)
		return -errno;
	/* A write beyond a page is cut off; one at a later position adds to what is there. */
	for (unsigned i = 0; i < ports; i++) {
		length += (size_t)snprintf(text + length, 8, "%u,", FIRST + 2 * i);
		if (length < sizeof(text) - 8 && i + 1 < ports)
			continue;
		if (write(fd, text, length - 1) < 0) {
			close(fd);
			return -errno;
		}
		length = 0;
	}
	return close(fd);
}

static void assert_reads(unsigned ports)
{
	static struct settings settings;

	assert_result(write_reserved(ports), 0);
	assert_result(settings_read("/proc", &settings, NULL), 0);
	for (unsigned port = 0; port < PORTS; port++) {
		const bool wanted =
		    port >= FIRST && port < FIRST + 2 * ports && (port - FIRST) % 2 == 0;

		if (portset_has(&settings.reserved, (uint16_t)port) != wanted)
			fail_msg("of %u reserved ports, %u is %s", ports, port,
			    wanted ? "missing" : "there by mistake");
	}
	assert_int_equal(portset_count(&settings.reserved), ports);
}

static void reads_a_short_list(void **state)
{
	(void)state;
	assert_reads(11);
}

static void reads_a_list_of_less_than_a_page(void **state)
{
	(void)state;
	assert_reads(677);
}

static void reads_a_list_of_more_than_a_page(void **state)
{
	(void)state;
	assert_reads(701);
}

static void reads_a_list_of_many_pages(void **state)
{
	(void)state;
	assert_reads(20011);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_short_list),
	    cmocka_unit_test(reads_a_list_of_less_than_a_page),
	    cmocka_unit_test(reads_a_list_of_more_than_a_page),
	    cmocka_unit_test(reads_a_list_of_many_pages),
	};

	const int result = namespace_enter();

	if (result < 0) {
		fprintf(stderr, "skipped: no network namespace: %s\n", strerror(-result));
		return SKIPPED;
	}
	if (access(SETTING, W_OK) < 0) {
		fprintf(stderr, "skipped: " SETTING ": %s\n", strerror(errno));
		return SKIPPED;
	}
	return cmocka_run_group_tests_name("reserved_live", tests, NULL, NULL);
}
