// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/nat_rules.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "guard_page.h"
#include "rule_messages.h"
#include "unit.h"

static int note(struct nat_rules *rules, const char *hex)
{
	struct guarded guarded = guard_hex(hex);
	const int result = nat_rules_note(rules, (const struct nlmsghdr *)(void *)guarded.bytes);

	guard_free(&guarded);
	return result;
}

static void assert_ports(const char *hex, unsigned first, unsigned last)
{
	struct nat_rules rules = {.count = 0};

	assert_result(note(&rules, hex), 0);
	assert_int_equal(rules.count, 1);
	assert_false(rules.is_unknown);
	assert_int_equal(rules.ports.first, first);
	assert_int_equal(rules.ports.last, last);
}

static void ports_of_nft(void **state)
{
	(void)state;
	assert_ports(RULE_PLAIN, 1024, 65535);
	assert_ports(RULE_PORTS, 40000, 40009);
	assert_ports(RULE_SNAT, 30000, 30063);
	assert_ports(RULE_ONE_PORT, 30000, 30000);
	assert_ports(RULE_ADDRESS_OF_MAP, 30000, 30063);
}

static void ports_of_iptables(void **state)
{
	(void)state;
	assert_ports(RULE_MASQUERADE_TARGET, 5000, 5999);
	assert_ports(RULE_MASQUERADE_TARGET6, 5000, 5999);
	assert_ports(RULE_SNAT_TARGET, 7000, 7100);
	assert_ports(RULE_SNAT_TARGET6, 7000, 7100);
	assert_ports(RULE_PLAIN_TARGET, 1024, 65535);
}

/* Which structure it has is the revision's matter: newer ones are the same for IPv4. */
static void a_newer_revision_of_a_target(void **state)
{
	struct guarded guarded = guard_hex(RULE_SNAT_TARGET6);
	struct nat_rules rules = {.count = 0};

	(void)state;
	guarded.bytes[NLMSG_HDRLEN] = AF_INET;
	assert_result(nat_rules_note(&rules, (const struct nlmsghdr *)(void *)guarded.bytes), 0);
	assert_int_equal(rules.count, 1);
	assert_int_equal(rules.ports.first, 7000);
	assert_int_equal(rules.ports.last, 7100);
	guard_free(&guarded);
}

/* The rule sets a mark before: what was in the register then is no port. */
static void ports_of_a_map(void **state)
{
	static const char *const messages[] = {RULE_PORTS_OF_MAP, RULE_PORT_OF_MAP};

	(void)state;
	for (size_t i = 0; i < LENGTH(messages); i++) {
		struct nat_rules rules = {.count = 0};

		assert_result(note(&rules, messages[i]), 0);
		assert_int_equal(rules.count, 1);
		assert_true(rules.is_unknown);
	}
}

static void several_rules(void **state)
{
	struct nat_rules rules = {.count = 0};

	(void)state;
	assert_result(note(&rules, RULE_PORTS), 0);
	assert_result(note(&rules, RULE_PORTS), 0);
	assert_int_equal(rules.count, 2);
	assert_false(rules.differs);
	assert_result(note(&rules, RULE_PLAIN), 0);
	assert_int_equal(rules.count, 3);
	assert_true(rules.differs);
}

/* The kind of a nat expression in RULE_SNAT is its only attribute with the number 0. */
static void destination_nat_is_none(void **state)
{
	static const char kind[] = {8, 0, 1, 0, 0, 0, 0, 0, 8, 0, 2, 0};
	struct guarded guarded = guard_hex(RULE_SNAT);
	struct nat_rules rules = {.count = 0};
	char *found = memmem(guarded.bytes, strlen(RULE_SNAT) / 2, kind, sizeof(kind));

	(void)state;
	assert_non_null(found);
	found[7] = 1;
	assert_result(nat_rules_note(&rules, (const struct nlmsghdr *)(void *)guarded.bytes), 0);
	assert_int_equal(rules.count, 0);
	guard_free(&guarded);
}

/* What they name are no ports of TCP or UDP. */
static void rules_for_another_protocol(void **state)
{
	static const char *const messages[] = {RULE_PORTS, RULE_SNAT, RULE_MASQUERADE_TARGET};
	static const char tcp[] = {5, 0, 1, 0, IPPROTO_TCP, 0, 0, 0};

	(void)state;
	for (size_t i = 0; i < LENGTH(messages); i++) {
		for (int protocol = 0; protocol <= UINT8_MAX; protocol++) {
			struct guarded guarded = guard_hex(messages[i]);
			struct nat_rules rules = {.count = 0};
			char *found =
			    memmem(guarded.bytes, strlen(messages[i]) / 2, tcp, sizeof(tcp));

			assert_non_null(found);
			found[4] = (char)protocol;
			assert_result(
			    nat_rules_note(&rules, (const struct nlmsghdr *)(void *)guarded.bytes),
			    0);
			assert_int_equal(
			    rules.count, protocol == IPPROTO_TCP || protocol == IPPROTO_UDP);
			guard_free(&guarded);
		}
	}
}

/* From last to first, the kernel takes them as from first to last. */
static void ports_in_the_other_order(void **state)
{
	struct guarded guarded = guard_hex(RULE_PORTS);
	struct nat_rules rules = {.count = 0};
	char *first = memmem(guarded.bytes, strlen(RULE_PORTS) / 2, "\x9c\x40", 2);

	(void)state;
	assert_non_null(first);
	first[1] = 0x50;
	assert_result(nat_rules_note(&rules, (const struct nlmsghdr *)(void *)guarded.bytes), 0);
	assert_int_equal(rules.ports.first, 40009);
	assert_int_equal(rules.ports.last, 40016);
	guard_free(&guarded);
}

/* A message that ends early is refused, except where an attribute of the message itself ends. */
static void cut(const char *hex)
{
	const size_t length = strlen(hex) / 2;

	for (size_t size = NLMSG_HDRLEN; size < length; size += 4) {
		struct guarded whole = guard_hex(hex);
		struct guarded guarded = guard(whole.bytes, size, 4);
		struct nlmsghdr *message = (struct nlmsghdr *)(void *)guarded.bytes;
		struct nat_rules rules = {.count = 0};

		message->nlmsg_len = (uint32_t)size;
		if (nat_rules_note(&rules, message) != -EBADMSG)
			assert_int_equal(rules.count, 0);
		guard_free(&guarded);
		guard_free(&whole);
	}
}

static void messages_that_end_early(void **state)
{
	struct nat_rules rules = {.count = 0};

	(void)state;
	cut(RULE_PLAIN);
	cut(RULE_SNAT);
	cut(RULE_PORTS_OF_MAP);
	cut(RULE_MASQUERADE_TARGET);
	cut(RULE_MASQUERADE_TARGET6);
	/* Nothing but a header. */
	assert_result(note(&rules, "10000000060a02080100000003360000"), -EBADMSG);
	/* Of another type: a chain. */
	assert_result(note(&rules, "10000000030a02080100000003360000"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ports_of_nft),
	    cmocka_unit_test(ports_of_iptables),
	    cmocka_unit_test(a_newer_revision_of_a_target),
	    cmocka_unit_test(ports_of_a_map),
	    cmocka_unit_test(several_rules),
	    cmocka_unit_test(destination_nat_is_none),
	    cmocka_unit_test(rules_for_another_protocol),
	    cmocka_unit_test(ports_in_the_other_order),
	    cmocka_unit_test(messages_that_end_early),
	};

	return cmocka_run_group_tests_name("nat_rules", tests, NULL, NULL);
}
