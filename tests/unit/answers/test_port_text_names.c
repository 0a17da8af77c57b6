// SPDX-License-Identifier: Apache-2.0
/* Names that others chose, on a terminal and where there is none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/base/utf8.h"
#include "port_printed.h"

static struct process process = {.pid = 12, .name = "nginx"};
static struct holding holding = {4711, 12, 3};
static struct process_search processes = {
    .processes_length = 1,
    .processes = &process,
    .holdings = {.length = 1, .list = &holding},
    .whole = true,
};
static struct port_lookup lookup = {
    .settings = {.range = {50000, 50009}, .unprivileged_first_port = 1024},
    .processes = &processes,
};

/* Standard output is no terminal here; one of 80 columns is made by what this answers. */
static bool is_terminal;

int isatty(int descriptor)
{
	(void)descriptor;
	return is_terminal;
}

/* grep and a file have room for all of it. */
static void long_names_are_cut_off_on_a_terminal_alone(void **state)
{
	static const char command[] = "python3 /opt/a/long/path/that/does/not/fit/a/terminal/of/80/"
				      "columns/orders.py --verbose";
	static const char cgroup[] = "/system.slice/a-long-slice.slice/another-long-slice.slice/"
				     "yet-another-long-slice.slice/orders.service";
	struct port_socket found = listener();
	char *printed;

	(void)state;
	process.command = (char *)(uintptr_t)command;
	found.cgroup = (char *)(uintptr_t)cgroup;
	printed = print_details(&lookup, &found);
	assert_non_null(strstr(printed, command));
	assert_non_null(strstr(printed, cgroup));
	free(printed);
	is_terminal = true;
	printed = print_details(&lookup, &found);
	assert_null(strstr(printed, "orders.py"));
	assert_non_null(strstr(printed, "python3 /opt/a/long"));
	assert_null(strstr(printed, cgroup));
	assert_non_null(strstr(printed, "orders.service\n"));
	free(printed);
}

/* What others chose to be called must not speak to a terminal, nor make a line too long. */
static void hostile_names_are_harmless(void **state)
{
	static const char *const names[] = {"\x1b[2J\x07", "a\nb\rc", "\xff\xfe\xc3", "\x7f",
	    ("\xc2\x9b"
	     "31m"),
	    "\u202eab\u2067", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80"};
	struct port_socket found = listener();

	(void)state;
	is_terminal = true;
	for (size_t i = 0; i < LENGTH(names); i++) {
		char *printed;
		char command[400] = "";

		while (strlen(command) < 300)
			strcat(command, names[i]);
		snprintf(process.name, sizeof(process.name), "%s", names[i]);
		process.command = command;
		found.cgroup = command;
		found.socket.uid = 1001;
		printed = print_details(&lookup, &found);
		for (const char *at = printed; *at; at += utf8_length(at)) {
			assert_true(utf8_length(at) > 0);
			assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
			assert_true(*at != 0x7f);
			/* C1, such as CSI in one character. */
			assert_false((unsigned char)at[0] == 0xc2 && (unsigned char)at[1] < 0xa0);
			assert_int_not_equal((unsigned char)at[0], 0xe2);
		}
		for (char *line = strtok(printed, "\n"); line; line = strtok(NULL, "\n"))
			if (strlen(line) > 80)
				fail_msg("%zu bytes: %s", strlen(line), line);
		free(printed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(long_names_are_cut_off_on_a_terminal_alone),
	    cmocka_unit_test(hostile_names_are_harmless),
	};

	return cmocka_run_group_tests_name("port_text_names", tests, NULL, NULL);
}
