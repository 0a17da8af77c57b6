// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "collectors/snat_series.h"
#include "unit.h"
#include "workspace.h"

extern const struct collector snat_collector;

#define LINE(client, sport, port)                                                       \
	"ipv4     2 tcp      6 9 ESTABLISHED src=" client " dst=10.77.2.2 sport=" sport \
	" dport=443 src=10.77.2.2 dst=10.77.2.1 sport=443 dport=" port " use=2\n"

static struct workspace workspace;
static struct collect collect;
static struct facts facts;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_write(&workspace, "net/stat/nf_conntrack",
	    "entries insert_failed drop early_drop\n9 b 1 0\n9 1 2 0\n");
	workspace_write(&workspace, "sys/net/netfilter/nf_conntrack_count", "4\n");
	workspace_write(&workspace, "sys/net/netfilter/nf_conntrack_max", "262144\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	collect_close(&collect);
	workspace_remove(&workspace);
	return 0;
}

/* A range of ten, all else as by default. */
static void open_small(void)
{
	static const unsigned long values[COLLECTOR_FLAGS_MAX] = {
	    40000ul << 16 | 40009, 20, 1, 3, 1000};

	collect_open(&collect, &snat_collector, values, workspace.path, "/nonexistent");
	assert_result(collect_begin(&collect, &facts), 0);
}

/* Lost packets follow if this test may load BPF programs. */
static void assert_leading(struct collect *from, const char *lines)
{
	char *text = collect_emit(from);

	assert_true(strlen(text) >= strlen(lines));
	text[strlen(lines)] = '\0';
	assert_string_equal(text, lines);
	free(text);
}

static void pools_and_the_table(void **state)
{
	(void)state;
	workspace_write(&workspace, "net/nf_conntrack",
	    LINE("10.77.1.2", "5", "40001") LINE("10.77.1.3", "5", "40002")
		LINE("10.77.1.3", "6", "40003"));
	open_small();
	assert_leading(&collect, "snat_ports tcp 10.77.2.1 10.77.2.2 443  active: 3\n"
				 "snat_ports tcp 10.77.2.1 10.77.2.2 443  closing: 0\n"
				 "snat_client_ports tcp 10.77.2.1 10.77.2.2 443  10.77.1.3  : 2\n"
				 "snat_client_ports tcp 10.77.2.1 10.77.2.2 443  10.77.1.2  : 1\n"
				 "snat_loss_ratio tcp 10.77.2.1 10.77.2.2 443 : 0\n"
				 "worst_snat_ports tcp ipv4: 3\n"
				 "worst_snat_ports tcp ipv6: 0\n"
				 "worst_snat_ports udp ipv4: 0\n"
				 "worst_snat_ports udp ipv6: 0\n"
				 "worst_snat_usage_ratio tcp ipv4: 0.29999999999999999\n"
				 "worst_snat_usage_ratio tcp ipv6: 0\n"
				 "worst_snat_usage_ratio udp ipv4: 0\n"
				 "worst_snat_usage_ratio udp ipv6: 0\n"
				 "other_snat_ports tcp ipv4: 0\n"
				 "other_snat_ports tcp ipv6: 0\n"
				 "other_snat_ports udp ipv4: 0\n"
				 "other_snat_ports udp ipv6: 0\n"
				 "untracked_snat_ports tcp ipv4: 0\n"
				 "untracked_snat_ports tcp ipv6: 0\n"
				 "untracked_snat_ports udp ipv4: 0\n"
				 "untracked_snat_ports udp ipv6: 0\n"
				 "snat_range_ports 40000 40009 flag: 10\n"
				 "snat_source_info proc: 1\n"
				 "conntrack_entries: 4\n"
				 "conntrack_limit_entries: 262144\n"
				 "conntrack_insert_failed_total: 12\n"
				 "conntrack_drops_total: 3\n"
				 "conntrack_early_drops_total: 0\n");
}

static void without_tracking_there_is_nothing(void **state)
{
	(void)state;
	open_small();
	assert_emitted(&collect, "error -95\n");
}

static void tracking_can_begin_later(void **state)
{
	char *text;

	(void)state;
	open_small();
	workspace_write(&workspace, "net/nf_conntrack", LINE("10.77.1.2", "5", "40001"));
	text = collect_emit(&collect);
	assert_non_null(strstr(text, "worst_snat_ports tcp ipv4: 1\n"));
	free(text);
}

static void a_file_that_is_none(void **state)
{
	(void)state;
	workspace_write(&workspace, "net/nf_conntrack", "nonsense\n");
	open_small();
	assert_emitted(&collect, "error -74\n");
}

static void assert_near(double found, double wanted)
{
	if (found < wanted * 0.999 || found > wanted * 1.001)
		fail_msg("found %g, wanted %g", found, wanted);
}

static void the_chance_of_a_loss(void **state)
{
	(void)state;
	assert_number(snat_loss(0, 0, 10), 0);
	assert_number(snat_loss(9, 0, 10), 0);
	assert_number(snat_loss(10, 0, 10), 1);
	assert_number(snat_loss(127, 0, 128), 0);
	assert_number(snat_loss(129, 0, 129), 1);
	assert_number(snat_loss(0, 0, 64512), 0);
	/* 0.98^248 and 0.995^248. */
	assert_near(snat_loss(63222, 0, 64512), 0.00667);
	assert_near(snat_loss(64189, 0, 64512), 0.2882);
	/* Each of the last three may be evicted, or not. */
	assert_number(snat_loss(6, 3, 10), 0);
	assert_number(snat_loss(7, 3, 10), 0.125);
	/* A quarter of the tries may evict. */
	assert_near(snat_loss(126, 2, 128), 0.765625);
	/* 128 tries find none, and 120 half of them. */
	assert_near(snat_loss(0, 64512, 64512), 7.5231638452626401e-37);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(pools_and_the_table, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(without_tracking_there_is_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(tracking_can_begin_later, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_file_that_is_none, set_up, tear_down),
	    cmocka_unit_test(the_chance_of_a_loss),
	};

	return cmocka_run_group_tests_name("snat", tests, NULL, NULL);
}
