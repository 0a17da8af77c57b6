// SPDX-License-Identifier: Apache-2.0
/* What a process that was found is called. */
#include "collectors/kernel/processes.h"

#include <string.h>

#include "process_host.h"
#include "unit.h"

static const struct process *only_process(void)
{
	static const struct socket_identity sockets[] = {{70, 0}};

	search_everywhere(sockets, 1);
	assert_int_equal(found->processes_length, 1);
	return &found->processes[0];
}

static void a_command_has_blanks_between_its_arguments(void **state)
{
	static const char plain[] = "/bin/cat\0-n\0a b\0";
	static const char title[] = "nginx: master process\0\0\0\0\0";
	static const char empty_arguments[] = "x\0\0\0y";
	static const char raw[] = "\xff\x1b[2J\0\n";

	(void)state;
	fake_proc_add(&proc, 12, "cat\n", plain, sizeof(plain) - 1);
	fake_proc_open(&proc, 12, 3, "socket:[70]");
	assert_string_equal(only_process()->command, "/bin/cat -n a b");
	/* One that wrote over its arguments. */
	fake_proc_add(&proc, 12, "cat\n", title, sizeof(title));
	assert_string_equal(only_process()->command, "nginx: master process");
	fake_proc_add(&proc, 12, "cat\n", empty_arguments, sizeof(empty_arguments) - 1);
	assert_string_equal(only_process()->command, "x   y");
	/* Whatever bytes: who prints them sees to that. */
	fake_proc_add(&proc, 12, "cat\n", raw, sizeof(raw) - 1);
	assert_string_equal(only_process()->command, "\xff\x1b[2J \n");
}

static void a_kernel_thread_has_no_command(void **state)
{
	(void)state;
	add_holder(12, "kworker\n", 3, "socket:[70]");
	assert_null(only_process()->command);
	fake_proc_add(&proc, 12, "x\n", "\0\0\0", 3);
	assert_null(only_process()->command);
	workspace_unlink(&proc, "12/cmdline");
	assert_null(only_process()->command);
	assert_string_equal(only_process()->name, "x");
}

static void a_long_command_is_cut_off(void **state)
{
	static char command[3 * PROCESS_COMMAND_MAX];

	(void)state;
	memset(command, 'a', sizeof(command));
	fake_proc_add(&proc, 12, "long\n", command, sizeof(command));
	fake_proc_open(&proc, 12, 3, "socket:[70]");
	assert_int_equal(strlen(only_process()->command), PROCESS_COMMAND_MAX);
	fake_proc_add(&proc, 12, "long\n", command, PROCESS_COMMAND_MAX);
	assert_int_equal(strlen(only_process()->command), PROCESS_COMMAND_MAX);
	/* Blanks in the place of NULs, the last one of what is kept aside. */
	memset(command, '\0', sizeof(command));
	command[0] = 'a';
	command[PROCESS_COMMAND_MAX] = 'b';
	fake_proc_add(&proc, 12, "long\n", command, sizeof(command));
	assert_string_equal(only_process()->command, "a");
}

static void a_name_is_one_line_of_any_length(void **state)
{
	static const char *const names[][2] = {
	    {"nginx\n", "nginx"},
	    {"nginx", "nginx"},
	    {"a b(c)\n", "a b(c)"},
	    {"two\nlines\n", "two"},
	    {"\n", ""},
	    {"", ""},
	    {"\xff\x01\n", "\xff\x01"},
	    {"kworker/u16:1-events_unbound\n", "kworker/u16:1-events_unbound"},
	    {"123456789012345678901234567890123456789012345678901234567890123\n",
		"123456789012345678901234567890123456789012345678901234567890123"},
	};

	(void)state;
	add_holder(12, "", 3, "socket:[70]");
	for (size_t i = 0; i < LENGTH(names); i++) {
		workspace_write(&proc, "12/comm", names[i][0]);
		assert_string_equal(only_process()->name, names[i][1]);
	}
	/* One that ended meanwhile has none. */
	workspace_unlink(&proc, "12/comm");
	assert_string_equal(only_process()->name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_command_has_blanks_between_its_arguments),
	    TEST(a_kernel_thread_has_no_command),
	    TEST(a_long_command_is_cut_off),
	    TEST(a_name_is_one_line_of_any_length),
	};

	return cmocka_run_group_tests_name("process_names", tests, NULL, NULL);
}
