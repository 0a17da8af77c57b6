// SPDX-License-Identifier: Apache-2.0
/* The table of the pools of source NAT. */
#include "exporter/answers/snat_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stdout_capture.h"
#include "unit.h"

#define HEADING                                                         \
	"Each destination can have the 1000 ports from 40000 to 40999 " \
	"(as you said).\n\n"
static struct snat_client clients[] = {{{{10, 0, 0, 1}}, 700}, {{{10, 0, 0, 2}}, 200}};

static const struct snat_row web = {
    .pool = {.port = 443,
	.source = {{192, 0, 2, 1}},
	.address = {{198, 51, 100, 2}},
	.ports = {[SNAT_ACTIVE] = 920, [SNAT_PLAIN] = 3, [SNAT_CLOSING] = 17}},
    .protocol = SOCKET_TCP,
    .share = 0.923,
    .clients_length = 2,
    .clients = clients,
};

static void assert_printed(
    const struct snat_rows *rows, size_t limit, int width, const char *wanted)
{
	char *found;

	stdout_capture();
	snat_print(rows, limit, width, "--limit");
	found = stdout_captured();
	assert_string_equal(found, wanted);
	free(found);
}

static struct snat_rows rows_of(struct snat_row *list, size_t length)
{
	return (struct snat_rows){.range = {40000, 40999},
	    .origin = "flag",
	    .pools = length,
	    .ports = 940,
	    .length = length,
	    .list = list};
}

static void a_row_says_whose_the_ports_are(void **state)
{
	struct snat_row row = web;
	const struct snat_rows rows = rows_of(&row, 1);

	(void)state;
	assert_printed(&rows, 20, 80,
	    HEADING "DESTINATION           ACTIVE CLOSING     OF  SHARE\n"
		    "tcp 198.51.100.2:443     923      17   1000  92.3%\n"
		    "  from 192.0.2.1  by 10.0.0.1 (700), 10.0.0.2 (200), others (20),\n"
		    "    not translated (3)\n");
	row.clients_length = 0;
	row.pool.ports[SNAT_PLAIN] = 0;
	assert_printed(&rows, 20, 80,
	    HEADING "DESTINATION           ACTIVE CLOSING     OF  SHARE\n"
		    "tcp 198.51.100.2:443     920      17   1000  92.3%\n"
		    "  from 192.0.2.1\n");
}

static void a_loss_is_told_if_it_is_worth_it(void **state)
{
	static const struct {
		double loss;
		const char *said;
	} cases[] = {
	    {0, ""},
	    {0.00009, ""},
	    {0.0042, "  About 0.42% of new connections find no port.\n"},
	    {0.2913, "  About 29.1% of new connections find no port.\n"},
	    {1, "  Full: no new connection gets a port.\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct snat_row row = web;
		const struct snat_rows rows = rows_of(&row, 1);
		char wanted[512];

		row.loss = cases[i].loss;
		row.clients_length = 0;
		row.pool.ports[SNAT_PLAIN] = 0;
		snprintf(wanted, sizeof(wanted),
		    HEADING "DESTINATION           ACTIVE CLOSING     OF  SHARE\n"
			    "tcp 198.51.100.2:443     920      17   1000  92.3%%\n"
			    "  from 192.0.2.1\n%s",
		    cases[i].said);
		assert_printed(&rows, 20, 80, wanted);
	}
}

static void what_is_long_has_lines_of_its_own(void **state)
{
	struct snat_client client = {.ports = 9};
	struct snat_row row = {.protocol = SOCKET_UDP,
	    .pool = {.family = SOCKET_IPV6, .port = 443, .ports = {[SNAT_ACTIVE] = 9}},
	    .clients_length = 1,
	    .clients = &client,
	    .share = 0.009};
	const struct snat_rows rows = rows_of(&row, 1);
	const char *text = "2001:db8:1111:2222:3333:4444:5555:6666";

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, text, row.pool.address.bytes), 1);
	row.pool.source = client.address = row.pool.address;
	assert_printed(&rows, 20, 60,
	    HEADING "DESTINATION                     ACTIVE CLOSING     OF  SHARE\n"
		    "udp [2001:db8:1111:2222:3333:4444:5555:6666]:443\n"
		    "                                     9       0   1000   0.9%\n"
		    "  from [2001:db8:1111:2222:3333:4444:5555:6666]\n"
		    "     by 2001:db8:1111:2222:3333:4444:5555:6666 (9)\n");
}

static void it_says_what_a_full_pool_means(void **state)
{
	struct snat_rows rows = {
	    .range = {40000, 40999}, .origin = "flag", .pools = 3, .ports = 2950};
	static const struct {
		unsigned long full;
		unsigned long nearly_full;
		const char *said;
	} cases[] = {
	    {1, 0, "\n1 pool is full. Where"},
	    {2, 0, "\n2 pools are full. Where"},
	    {0, 1, "\n1 pool is nearly full. Where"},
	    {1, 2, "\n1 pool is full, 2 nearly so. Where"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *found;

		rows.full = cases[i].full;
		rows.nearly_full = cases[i].nearly_full;
		stdout_capture();
		snat_print(&rows, 0, 80, "the terminal is full");
		found = stdout_captured();
		assert_non_null(
		    strstr(found, "And 3 more with 2950 ports (the terminal is full)."));
		assert_non_null(strstr(found, cases[i].said));
		assert_non_null(strstr(found, "docs/snat.md"));
		free(found);
	}
}

static void nothing_is_said_in_words(void **state)
{
	struct snat_rows rows = {.range = {40000, 40999}, .origin = "flag", .untracked = 7};

	(void)state;
	assert_printed(&rows, 20, 80,
	    HEADING "Source NAT holds no port of the range.\n"
		    "\n7 ports of more pools were not counted (--collector.snat.tracked-limit).\n");
	rows.untracked = 0;
	rows.others = 2;
	assert_printed(&rows, 20, 80, HEADING "None of 2 pools is one that you asked for.\n");
	rows.others = 1;
	rows.range.first = rows.range.last;
	rows.origin = "default";
	rows.remark = "a rule takes its ports from a map";
	assert_printed(&rows, 20, 80,
	    "Each destination can have the 1 port from 40999 to 40999 (assumed).\n"
	    "Why: a rule takes its ports from a map.\n\n"
	    "The only pool is not one that you asked for.\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_says_whose_the_ports_are),
	    cmocka_unit_test(a_loss_is_told_if_it_is_worth_it),
	    cmocka_unit_test(what_is_long_has_lines_of_its_own),
	    cmocka_unit_test(it_says_what_a_full_pool_means),
	    cmocka_unit_test(nothing_is_said_in_words),
	};

	return cmocka_run_group_tests_name("snat_text", tests, NULL, NULL);
}
