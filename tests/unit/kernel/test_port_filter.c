// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/port_filter.h"

#include <stdio.h>
#include <string.h>

#include "bytecode.h"
#include "guard_page.h"
#include "unit.h"

#define LOCAL PORT_FILTER_LOCAL
#define REMOTE PORT_FILTER_REMOTE
#define BOTH (PORT_FILTER_LOCAL | PORT_FILTER_REMOTE)

/* A filter's bytecode, directly before a page of no access. */
struct compiled {
	struct guarded room;
	const void *code;
	size_t length;
};

static struct compiled compile(const struct port_filter *filter, bool only_chosen)
{
	static const unsigned char filler[PORT_FILTER_CODE_SIZE];
	struct compiled compiled = {.room = guard(filler, sizeof(filler), 4)};

	compiled.code = compiled.room.bytes;
	compiled.length =
	    port_filter_compile(filter, only_chosen, (unsigned char *)(void *)compiled.room.bytes);
	return compiled;
}

static struct portset set_of(const char *text)
{
	struct portset ports;

	assert_result(portset_parse(text, strlen(text), &ports), 0);
	return ports;
}

/* So many pieces of one port each, three apart, the last one 65535. */
static struct portset pieces(unsigned count)
{
	struct portset ports = {{0}};

	for (unsigned i = 0; i < count; i++)
		portset_add(&ports, (uint16_t)(65535 - 3 * i));
	assert_int_equal(portset_count(&ports), count);
	return ports;
}

static bool accepts(
    const struct compiled *compiled, uint16_t local, uint16_t remote, bool kernel_picked)
{
	const struct bytecode_entry entry = {local, remote, kernel_picked};

	return bytecode_accepts(compiled->code, compiled->length, &entry);
}

static bool matches(const struct port_filter *filter, uint16_t local, uint16_t remote)
{
	const struct socket socket = {.local_port = local, .remote_port = remote};

	return port_filter_matches(filter, &socket);
}

/* The kernel takes the code, and lets through what matches and nothing else. */
static void assert_exact(const struct port_filter *filter, bool only_chosen)
{
	struct compiled compiled = compile(filter, only_chosen);
	unsigned first = 0;

	assert_true(compiled.length > 0);
	assert_true(bytecode_audit(compiled.code, compiled.length));
	while (!portset_has(filter->ports, (uint16_t)first))
		first++;

	/* At the other end: none, one that is asked for, and its neighbours. */
	const uint16_t others[] = {
	    0, (uint16_t)first, (uint16_t)(first - 1), (uint16_t)(first + 1)};

	for (unsigned port = 0; port < PORTS; port++) {
		for (size_t i = 0; i < LENGTH(others); i++) {
			const uint16_t local = i % 2 ? (uint16_t)port : others[i];
			const uint16_t remote = i % 2 ? others[i] : (uint16_t)port;
			const bool wanted = matches(filter, local, remote);

			if (accepts(&compiled, local, remote, false) != wanted)
				fail_msg("%u -> %u is %s", local, remote,
				    wanted ? "refused" : "let through");
			if (accepts(&compiled, local, remote, true) != (wanted && !only_chosen))
				fail_msg("picked by the kernel: %u -> %u", local, remote);
		}
	}
	guard_free(&compiled.room);
}

static void assert_exact_everywhere(const struct portset *ports)
{
	for (unsigned sides = LOCAL; sides <= BOTH; sides++) {
		const struct port_filter filter = {ports, sides};

		assert_exact(&filter, false);
		assert_exact(&filter, true);
	}
}

static void one_port_at_either_end_or_both(void **state)
{
	static const char *const sets[] = {"60416", "1", "65535", "0", "255", "256"};

	(void)state;
	for (size_t i = 0; i < LENGTH(sets); i++) {
		const struct portset ports = set_of(sets[i]);

		assert_exact_everywhere(&ports);
	}
}

static void ranges_are_let_through_whole(void **state)
{
	static const char *const sets[] = {"8000-8080", "1-65535", "0-65535", "1-2", "65534-65535",
	    "1,65535", "22,80,443,8000-8080,60416", "1-3,5-7,65533-65535"};

	(void)state;
	for (size_t i = 0; i < LENGTH(sets); i++) {
		const struct portset ports = set_of(sets[i]);

		assert_exact_everywhere(&ports);
	}
}

static void as_many_ranges_as_there_is_room_for(void **state)
{
	const struct portset ports = pieces(PORT_FILTER_RANGES_MAX);
	const struct port_filter filter = {&ports, BOTH};
	struct compiled compiled = compile(&filter, true);

	(void)state;
	assert_int_equal(compiled.length, PORT_FILTER_CODE_SIZE);
	guard_free(&compiled.room);
	assert_exact(&filter, true);
	assert_exact(&filter, false);
}

/* Beyond the limit one range from the lowest to the highest, lest anything be missed. */
static void assert_spanned(const struct portset *ports, unsigned lowest, unsigned highest)
{
	for (unsigned sides = LOCAL; sides <= BOTH; sides++) {
		const struct port_filter filter = {ports, sides};
		struct compiled compiled = compile(&filter, false);

		/* Five operations a side: the kernel runs them for every socket. */
		assert_int_equal(compiled.length, sides == BOTH ? 40 : 20);
		assert_true(bytecode_audit(compiled.code, compiled.length));
		for (unsigned port = 1; port < PORTS; port++) {
			const bool inside = port >= lowest && port <= highest;

			assert_int_equal(
			    accepts(&compiled, (uint16_t)port, 0, true), inside && sides & LOCAL);
			assert_int_equal(
			    accepts(&compiled, 0, (uint16_t)port, true), inside && sides & REMOTE);
		}
		guard_free(&compiled.room);
	}
}

static void too_many_ranges_are_taken_as_one(void **state)
{
	struct portset ports = pieces(PORT_FILTER_RANGES_MAX + 1);

	(void)state;
	assert_spanned(&ports, 65535 - 3 * PORT_FILTER_RANGES_MAX, 65535);
	ports = pieces(PORT_FILTER_RANGES_MAX + 700);
	assert_spanned(&ports, 65535 - 3 * (PORT_FILTER_RANGES_MAX + 699), 65535);
	portset_add(&ports, 1);
	assert_spanned(&ports, 1, 65535);
	/* What the kernel lets through too much of is told apart later. */
	assert_true(matches(&(struct port_filter){&ports, LOCAL}, 1, 0));
	assert_false(matches(&(struct port_filter){&ports, LOCAL}, 2, 0));
}

static void a_side_that_is_not_asked_for_does_not_match(void **state)
{
	const struct portset ports = set_of("443");
	const struct port_filter local = {&ports, LOCAL};
	const struct port_filter remote = {&ports, REMOTE};
	const struct port_filter both = {&ports, BOTH};

	(void)state;
	assert_true(matches(&local, 443, 5));
	assert_false(matches(&local, 5, 443));
	assert_false(matches(&remote, 443, 5));
	assert_true(matches(&remote, 5, 443));
	assert_true(matches(&both, 443, 5));
	assert_true(matches(&both, 5, 443));
	assert_true(matches(&both, 443, 443));
	assert_false(matches(&both, 442, 444));
}

static void without_a_filter_everything_is_let_through(void **state)
{
	struct compiled compiled = compile(NULL, false);

	(void)state;
	assert_int_equal(compiled.length, 0);
	guard_free(&compiled.room);
	compiled = compile(NULL, true);
	assert_true(bytecode_audit(compiled.code, compiled.length));
	assert_true(accepts(&compiled, 1, 2, false));
	assert_false(accepts(&compiled, 1, 2, true));
	guard_free(&compiled.room);
}

/* No ports match nothing, which bytecode cannot say: then everything comes and is sieved. */
static void no_ports_match_nothing(void **state)
{
	const struct portset none = {{0}};
	const struct port_filter filter = {&none, BOTH};
	struct compiled compiled = compile(&filter, false);

	(void)state;
	assert_int_equal(compiled.length, 0);
	assert_false(matches(&filter, 0, 0));
	assert_false(matches(&filter, 443, 443));
	guard_free(&compiled.room);
}

static struct inet_diag_bc_op op(unsigned char code, unsigned char yes, unsigned short no)
{
	return (struct inet_diag_bc_op){.code = code, .yes = yes, .no = no};
}

/* The model must refuse what the kernel does, else passing it means nothing. */
static void the_audit_is_no_formality(void **state)
{
	const struct inet_diag_bc_op past_the_end[] = {op(INET_DIAG_BC_AUTO, 8, 4)};
	const struct inet_diag_bc_op odd[] = {op(INET_DIAG_BC_AUTO, 4, 6)};
	const struct inet_diag_bc_op good[] = {op(INET_DIAG_BC_AUTO, 4, 8)};
	const struct inet_diag_bc_op unknown[] = {op(200, 4, 8)};
	const struct inet_diag_bc_op compared[] = {op(INET_DIAG_BC_S_GE, 8, 12), op(0, 0, 80)};
	/* A comparison may not jump into its operand, nor have none. */
	const struct inet_diag_bc_op into[] = {op(INET_DIAG_BC_S_GE, 8, 4), op(0, 0, 80)};
	const struct inet_diag_bc_op through[] = {op(INET_DIAG_BC_D_LE, 4, 12), op(0, 0, 80)};
	/* A no-branch must come to where the yes-branches do: not to an operand. */
	const struct inet_diag_bc_op astray[] = {op(INET_DIAG_BC_JMP, 4, 8),
	    op(INET_DIAG_BC_S_GE, 8, 12), op(0, 0, 80), op(INET_DIAG_BC_NOP, 4, 0)};
	const struct inet_diag_bc_op onwards[] = {op(INET_DIAG_BC_JMP, 4, 12),
	    op(INET_DIAG_BC_S_GE, 8, 12), op(0, 0, 80), op(INET_DIAG_BC_NOP, 4, 0)};
	const struct inet_diag_bc_op too_far[] = {op(INET_DIAG_BC_S_LE, 8, 16), op(0, 0, 80)};

	(void)state;
	assert_false(bytecode_audit(past_the_end, 4)); /* the yes-chain must end at the end */
	assert_false(bytecode_audit(odd, 4));
	assert_false(bytecode_audit(good, 0));
	assert_false(bytecode_audit(unknown, 4));
	assert_true(bytecode_audit(good, 4));
	assert_true(bytecode_audit(compared, 8));
	assert_false(bytecode_audit(compared, 4));
	assert_false(bytecode_audit(into, 8));
	assert_false(bytecode_audit(through, 8));
	assert_false(bytecode_audit(astray, 16));
	assert_true(bytecode_audit(onwards, 16));
	assert_false(bytecode_audit(too_far, 8));
}

static void the_model_compares_as_the_kernel_does(void **state)
{
	static const unsigned char codes[] = {
	    INET_DIAG_BC_S_GE, INET_DIAG_BC_S_LE, INET_DIAG_BC_D_GE, INET_DIAG_BC_D_LE};

	(void)state;
	for (size_t i = 0; i < LENGTH(codes); i++) {
		const struct inet_diag_bc_op code[] = {op(codes[i], 8, 12), op(0, 0, 80)};
		const bool at_least = i % 2 == 0;
		const bool local = i < 2;

		for (unsigned port = 79; port <= 81; port++) {
			const struct bytecode_entry entry = {
			    local ? (uint16_t)port : 7, local ? 7 : (uint16_t)port, false};

			assert_int_equal(bytecode_accepts(code, sizeof(code), &entry),
			    at_least ? port >= 80 : port <= 80);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_port_at_either_end_or_both),
	    cmocka_unit_test(ranges_are_let_through_whole),
	    cmocka_unit_test(as_many_ranges_as_there_is_room_for),
	    cmocka_unit_test(too_many_ranges_are_taken_as_one),
	    cmocka_unit_test(a_side_that_is_not_asked_for_does_not_match),
	    cmocka_unit_test(without_a_filter_everything_is_let_through),
	    cmocka_unit_test(no_ports_match_nothing),
	    cmocka_unit_test(the_audit_is_no_formality),
	    cmocka_unit_test(the_model_compares_as_the_kernel_does),
	};

	return cmocka_run_group_tests_name("port_filter", tests, NULL, NULL);
}
