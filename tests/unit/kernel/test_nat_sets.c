// SPDX-License-Identifier: Apache-2.0
/* Sets of protocols, and the rules that match with them. */
#include "collectors/kernel/nat_sets.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "collectors/kernel/nat_rules.h"
#include "guard_page.h"
#include "set_messages.h"
#include "unit.h"

#define NAME "__set0"

static int note_set(struct nat_sets *sets, const char *hex)
{
	struct guarded guarded = guard_hex(hex);
	const int result = nat_sets_note(sets, (const struct nlmsghdr *)(void *)guarded.bytes);

	guard_free(&guarded);
	return result;
}

static int note_elements(struct nat_set *set, const char *hex)
{
	struct guarded guarded = guard_hex(hex);
	const int result =
	    nat_set_note_elements(set, (const struct nlmsghdr *)(void *)guarded.bytes);

	guard_free(&guarded);
	return result;
}

static void only_sets_of_single_protocols_are_kept(void **state)
{
	static const char *const others[] = {SET_ADDRESSES, SET_RANGE, SET_MAP, ELEMENTS_OTHERS};
	struct nat_sets sets = {.length = 0};

	(void)state;
	for (size_t i = 0; i < LENGTH(others); i++)
		assert_result(note_set(&sets, others[i]), 0);
	assert_int_equal(sets.length, 0);
	assert_result(note_set(&sets, SET_NAMED), 0);
	assert_result(note_set(&sets, SET_OTHERS), 0);
	assert_int_equal(sets.length, 2);
	assert_string_equal(sets.list[0].name, "some");
	assert_string_equal(sets.list[1].name, NAME);
	/* There is no room for more. */
	for (size_t i = 0; i < NAT_SETS_MAX; i++)
		assert_result(note_set(&sets, SET_NAMED), 0);
	assert_int_equal(sets.length, NAT_SETS_MAX);
}

static void whether_a_set_has_ports(void **state)
{
	struct nat_sets sets = {.length = 1, .list = {{.name = NAME}}};

	(void)state;
	assert_result(note_elements(&sets.list[0], SET_OTHERS), 0);
	assert_result(note_elements(&sets.list[0], ELEMENTS_OTHERS), 0);
	assert_true(nat_sets_are_others(&sets, NAME, sizeof(NAME)));
	assert_result(note_elements(&sets.list[0], ELEMENTS_NAMED), 0);
	assert_false(nat_sets_are_others(&sets, NAME, sizeof(NAME)));
	/* Nothing is known of these. */
	sets.list[0].has_ports = false;
	assert_false(nat_sets_are_others(&sets, "__set01", sizeof("__set01")));
	assert_false(nat_sets_are_others(&sets, NAME, sizeof(NAME) - 1));
	assert_false(nat_sets_are_others(NULL, NAME, sizeof(NAME)));
}

static size_t count_rules(const struct nat_sets *sets, char *flags)
{
	static const char lookup[] = "\x0b\x00\x01\x00" NAME;
	struct guarded guarded = guard_hex(RULE_OTHERS);
	struct nat_rules rules = {.sets = sets};
	char *found = memmem(guarded.bytes, strlen(RULE_OTHERS) / 2, lookup, sizeof(lookup));

	assert_non_null(found);
	/* Behind the name and the register are the flags. */
	if (flags)
		memcpy(found + 12 + 8 + 4, flags, 4);
	assert_result(nat_rules_note(&rules, (const struct nlmsghdr *)(void *)guarded.bytes), 0);
	guard_free(&guarded);
	return rules.count;
}

static void rules_that_match_with_a_set(void **state)
{
	struct nat_sets sets = {.length = 1, .list = {{.name = NAME}}};

	(void)state;
	assert_int_equal(count_rules(&sets, NULL), 0);
	/* What is not in it has ports: "!=". */
	assert_int_equal(count_rules(&sets, (char[]){0, 0, 0, 1}), 1);
	sets.list[0].has_ports = true;
	assert_int_equal(count_rules(&sets, NULL), 1);
	assert_int_equal(count_rules(NULL, NULL), 1);
}

static void messages_that_end_early(void **state)
{
	static const char *const messages[] = {SET_OTHERS, ELEMENTS_NAMED};

	(void)state;
	for (size_t i = 0; i < LENGTH(messages); i++) {
		const size_t length = strlen(messages[i]) / 2;

		for (size_t size = NLMSG_HDRLEN; size < length; size += 4) {
			struct guarded all = guard_hex(messages[i]);
			struct guarded guarded = guard(all.bytes, size, 4);
			struct nlmsghdr *message = (struct nlmsghdr *)(void *)guarded.bytes;
			struct nat_sets sets = {.length = 0};
			struct nat_set set = {.name = ""};

			message->nlmsg_len = (uint32_t)size;
			if (nat_sets_note(&sets, message) == 0)
				assert_in_range(sets.length, 0, 1);
			if (nat_set_note_elements(&set, message) < 0)
				assert_int_equal(i, 1);
			guard_free(&guarded);
			guard_free(&all);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_sets_of_single_protocols_are_kept),
	    cmocka_unit_test(whether_a_set_has_ports),
	    cmocka_unit_test(rules_that_match_with_a_set),
	    cmocka_unit_test(messages_that_end_early),
	};

	return cmocka_run_group_tests_name("nat_sets", tests, NULL, NULL);
}
