// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/port_filter.h"

#include <linux/inet_diag.h>
#include <string.h>

_Static_assert(sizeof(struct inet_diag_bc_op) == PORT_FILTER_OPERATION, "as the kernel has it");

#define AT_LEAST(side) ((side) == PORT_FILTER_LOCAL ? INET_DIAG_BC_S_GE : INET_DIAG_BC_D_GE)
#define AT_MOST(side) ((side) == PORT_FILTER_LOCAL ? INET_DIAG_BC_S_LE : INET_DIAG_BC_D_LE)

/* The operations of one range and side, and of "bind() got the port by number". */
#define TERM (5 * sizeof(struct inet_diag_bc_op))
#define CHOSEN (2 * sizeof(struct inet_diag_bc_op))

bool port_filter_matches(const struct port_filter *filter, const struct socket *socket)
{
	return (filter->sides & PORT_FILTER_LOCAL &&
		   portset_has(filter->ports, socket->local_port)) ||
	       (filter->sides & PORT_FILTER_REMOTE &&
		   portset_has(filter->ports, socket->remote_port));
}

static size_t find_ranges(
    const struct portset *ports, struct port_range ranges[static PORT_FILTER_RANGES_MAX])
{
	size_t length = 0;
	bool too_many = false;
	unsigned position = 0;
	struct port_range range;

	while (portset_next_range(ports, &position, &range)) {
		if (length < PORT_FILTER_RANGES_MAX) {
			ranges[length++] = range;
		} else {
			too_many = true;
			ranges[0].last = range.last;
		}
	}
	return too_many ? 1 : length;
}

struct program {
	unsigned char *code;
	size_t length;
};

static void put(struct program *program, unsigned char code, size_t yes, size_t no)
{
	const struct inet_diag_bc_op operation = {
	    .code = code, .yes = (unsigned char)yes, .no = (unsigned short)no};

	memcpy(program->code + program->length, &operation, sizeof(operation));
	program->length += sizeof(operation);
}

/* A comparison and its operand. yes and no count from the comparison. */
static void put_comparison(struct program *program, unsigned char code, uint16_t port, size_t no)
{
	put(program, code, 2 * sizeof(struct inet_diag_bc_op), no);
	put(program, 0, 0, port);
}

/*
 * "If in the range, go on at accepted, else at refused": both count from the start.
 * inet_diag_bc_audit() allows a yes-branch only to lead forward to a place on the chain of
 * yes-branches; JMP uses its no-branch.
 */
static void put_range(struct program *program, enum port_filter_side side, struct port_range range,
    size_t accepted, size_t refused)
{
	put_comparison(program, AT_LEAST(side), range.first, refused - program->length);
	put_comparison(program, AT_MOST(side), range.last, refused - program->length);
	put(program, INET_DIAG_BC_JMP, sizeof(struct inet_diag_bc_op), accepted - program->length);
}

size_t port_filter_compile(const struct port_filter *filter, bool only_chosen,
    unsigned char code[static PORT_FILTER_CODE_SIZE])
{
	struct port_range ranges[PORT_FILTER_RANGES_MAX] = {{1, 0}};
	struct program program = {.code = code};
	const size_t length = filter ? find_ranges(filter->ports, ranges) : 0;
	const unsigned sides = filter ? filter->sides : 0;
	const size_t terms = length * (size_t)__builtin_popcount(sides);
	const size_t accepted = terms * TERM;
	const size_t end = accepted + (only_chosen ? CHOSEN : 0);
	/* To the kernel a jump past the end means refused. */
	const size_t refused = end + sizeof(struct inet_diag_bc_op);

	for (unsigned side = PORT_FILTER_LOCAL; side <= PORT_FILTER_REMOTE; side <<= 1) {
		for (size_t i = 0; sides & side && i < length; i++) {
			const size_t next = program.length + TERM;

			put_range(
			    &program, side, ranges[i], accepted, next < accepted ? next : refused);
		}
	}
	if (only_chosen) {
		/* AUTO: "the kernel picked the port". */
		put(&program, INET_DIAG_BC_AUTO, sizeof(struct inet_diag_bc_op), CHOSEN);
		put(&program, INET_DIAG_BC_JMP, sizeof(struct inet_diag_bc_op), CHOSEN);
	}
	return program.length;
}
