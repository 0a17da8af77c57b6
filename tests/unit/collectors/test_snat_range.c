// SPDX-License-Identifier: Apache-2.0
#include "collectors/snat_range.h"

#include <errno.h>
#include <string.h>

#include "collectors/collector.h"
#include "collectors/kernel/nat_rules.h"
#include "unit.h"

static void assert_range(
    const struct snat_range *range, unsigned first, unsigned last, const char *origin)
{
	assert_int_equal(range->ports.first, first);
	assert_int_equal(range->ports.last, last);
	assert_string_equal(range->origin, origin);
}

/* Why it is the default begins so, and what to do comes after it. */
static void assert_default(int result, const struct nat_rules *rules, const char *why)
{
	const struct snat_range range = snat_range_of(result, rules);

	assert_range(&range, 1024, 65535, "default");
	assert_non_null(range.remark);
	if (strncmp(range.remark, why, strlen(why)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", range.remark, why);
	assert_non_null(strstr(range.remark, ": set --collector.snat.ports if that is wrong"));
}

static void the_flag_wins(void **state)
{
	const struct port_range ports = {7, 65535};
	const struct snat_range range = snat_range_find(collector_ports(ports));

	(void)state;
	assert_range(&range, 7, 65535, "flag");
	assert_null(range.remark);
}

static void rules_that_agree(void **state)
{
	const struct nat_rules rules = {.count = 2, .ports = {40000, 40009}};
	const struct snat_range range = snat_range_of(0, &rules);

	(void)state;
	assert_range(&range, 40000, 40009, "rules");
	assert_null(range.remark);
}

static void why_it_is_the_default(void **state)
{
	const struct nat_rules none = {.count = 0};
	const struct nat_rules unknown = {.count = 1, .is_unknown = true};
	const struct nat_rules more = {.count = 2, .has_more = true, .ports = {1, 2}};
	const struct nat_rules differing = {.count = 2, .differs = true, .ports = {1, 2}};
	/* What is not known may be anything: that is said first. */
	const struct nat_rules both = {.count = 3, .is_unknown = true, .differs = true};

	(void)state;
	assert_default(0, &none, "nftables has no rule with masquerade or snat,");
	assert_default(0, &unknown, "a rule takes its ports from a map or computes them,");
	assert_default(0, &more, "more tables of nftables translate than are read,");
	assert_default(0, &differing, "the rules name different ports,");
	assert_default(0, &both, "a rule takes its ports from a map or computes them,");
	assert_default(-EPERM, NULL, "reading the rules needs CAP_NET_ADMIN at the start,");
	assert_default(-EOPNOTSUPP, NULL, "the kernel has no nftables,");
	assert_default(-EBADMSG, NULL, "the rules of nftables cannot be read,");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_flag_wins),
	    cmocka_unit_test(rules_that_agree),
	    cmocka_unit_test(why_it_is_the_default),
	};

	return cmocka_run_group_tests_name("snat_range", tests, NULL, NULL);
}
