// SPDX-License-Identifier: Apache-2.0
#include "bytecode.h"

#define OPERATION ((int)sizeof(struct inet_diag_bc_op))

/* valid_cc(): whether following the yes-branches from the start comes by target. */
static bool valid_target(const struct inet_diag_bc_op *op, int length, int target)
{
	while (length >= 0) {
		if (target > length)
			return false;
		if (target == length)
			return true;
		if (op->yes < OPERATION || op->yes & 3)
			return false;
		length -= op->yes;
		op += op->yes / OPERATION;
	}
	return false;
}

/* The least that an operation may jump: itself and its operand. 0: none that we use. */
static int least_jump(unsigned char code)
{
	switch (code) {
	case INET_DIAG_BC_S_GE:
	case INET_DIAG_BC_S_LE:
	case INET_DIAG_BC_D_GE:
	case INET_DIAG_BC_D_LE:
		return 2 * OPERATION;
	case INET_DIAG_BC_AUTO:
	case INET_DIAG_BC_JMP:
	case INET_DIAG_BC_NOP:
		return OPERATION;
	default:
		return 0;
	}
}

bool bytecode_audit(const void *code, size_t size)
{
	const struct inet_diag_bc_op *op = code;
	const int whole = (int)size;
	int length = whole;

	if (whole < OPERATION)
		return false;
	while (length > 0) {
		/* The kernel would read what lies behind a length that is no multiple of 4. */
		const int least = length < OPERATION ? 0 : least_jump(op->code);

		if (least == 0 || length < least)
			return false;
		if (op->code != INET_DIAG_BC_NOP) {
			if (op->no < least || op->no > length + OPERATION || op->no & 3)
				return false;
			if (op->no < length && !valid_target(code, whole, length - op->no))
				return false;
		}
		if (op->yes < least || op->yes > length + OPERATION || op->yes & 3)
			return false;
		length -= op->yes;
		op += op->yes / OPERATION;
	}
	return length == 0;
}

static bool says_yes(const struct inet_diag_bc_op *op, const struct bytecode_entry *entry)
{
	switch (op->code) {
	case INET_DIAG_BC_S_GE:
		return entry->local_port >= op[1].no;
	case INET_DIAG_BC_S_LE:
		return entry->local_port <= op[1].no;
	case INET_DIAG_BC_D_GE:
		return entry->remote_port >= op[1].no;
	case INET_DIAG_BC_D_LE:
		return entry->remote_port <= op[1].no;
	case INET_DIAG_BC_AUTO:
		return entry->kernel_picked;
	case INET_DIAG_BC_JMP:
		return false;
	default:
		return true;
	}
}

bool bytecode_accepts(const void *code, size_t size, const struct bytecode_entry *entry)
{
	const struct inet_diag_bc_op *op = code;
	int length = (int)size;

	while (length > 0) {
		const int jump = says_yes(op, entry) ? op->yes : op->no;

		length -= jump;
		op += jump / OPERATION;
	}
	return length == 0;
}
