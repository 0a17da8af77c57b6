/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CHILD_H
#define EPHEMERA_CHILD_H

/* Runs what a process cannot undo, such as giving up privileges, in a child. */

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#define CHILD_DIED 200

/* Returns what body returned, 0 to 199; or CHILD_DIED. */
static inline int child_run(int (*body)(void))
{
	int status;
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : CHILD_DIED;
}

#endif
