// SPDX-License-Identifier: Apache-2.0
/* What --watch shows on terminals of several sizes. */
#include "exporter/base/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "stdout_capture.h"
#include "unit.h"

#define MOST 20

/* A table of rows of so many lines each. */
struct rows {
	size_t length;
	int lines;
	const char *line;
};

static void print(const void *context, size_t limit)
{
	const struct rows *rows = context;

	puts("HEADER");
	for (size_t i = 0; i < rows->length && i < limit; i++)
		for (int j = 0; j < rows->lines; j++)
			printf("%zu%s\n", i, rows->line);
	if (rows->length > limit)
		printf("And %zu more (%s).\n", rows->length - limit, terminal_reason(limit, MOST));
}

/* What comes to a terminal of that size; the caller frees it. */
static char *shown(const struct rows *rows, unsigned short lines, unsigned short columns)
{
	const struct winsize size = {.ws_row = lines, .ws_col = columns};
	const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios modes;
	char *text;
	int before;
	int slave;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		skip();
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		skip();
	text = calloc(1, 4096);
	assert_non_null(text);
	assert_result(ioctl(slave, TIOCSWINSZ, &size), 0);
	assert_result(tcgetattr(slave, &modes), 0);
	modes.c_oflag &= ~(tcflag_t)OPOST;
	assert_result(tcsetattr(slave, TCSANOW, &modes), 0);
	fflush(stdout);
	before = dup(STDOUT_FILENO);
	assert_true(dup2(slave, STDOUT_FILENO) >= 0);
	assert_result(terminal_show(print, rows, MOST), 0);
	fflush(stdout);
	assert_true(dup2(before, STDOUT_FILENO) >= 0);
	close(before);
	close(slave);
	/* On a busy machine it comes in pieces; nobody writes any more, so the end is an error. */
	for (size_t length = 0; length < 4095;) {
		const ssize_t got = read(master, text + length, 4095 - length);

		if (got <= 0)
			break;
		length += (size_t)got;
	}
	assert_true(text[0]);
	close(master);
	return text;
}

static void assert_shown(
    const struct rows *rows, unsigned short lines, unsigned short columns, const char *wanted)
{
	char *text = shown(rows, lines, columns);
	static const char clear[] = "\033[H\033[J";

	assert_memory_equal(text, clear, sizeof(clear) - 1);
	assert_string_equal(text + sizeof(clear) - 1, wanted);
	free(text);
}

static void what_fits_is_shown_whole(void **state)
{
	const struct rows rows = {3, 1, ""};

	(void)state;
	assert_shown(&rows, 24, 80, "HEADER\n0\n1\n2\n");
	/* The cursor needs a line, too. */
	assert_shown(&rows, 5, 80, "HEADER\n0\n1\n2\n");
}

static void as_many_rows_as_fit_are_shown(void **state)
{
	(void)state;
	assert_shown(
	    &(struct rows){3, 1, ""}, 4, 80, "HEADER\n0\nAnd 2 more (the terminal is full).\n");
	assert_shown(&(struct rows){9, 2, ""}, 8, 80,
	    "HEADER\n0\n0\n1\n1\nAnd 7 more (the terminal is full).\n");
	assert_shown(&(struct rows){25, 1, ""}, 50, 80,
	    "HEADER\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n"
	    "And 5 more (--limit).\n");
}

static void long_lines_take_several(void **state)
{
	(void)state;
	assert_shown(&(struct rows){2, 1, "123456789"}, 6, 10, "HEADER\n0123456789\n1123456789\n");
	assert_shown(
	    &(struct rows){2, 1, "1234567890"}, 6, 10, "HEADER\n01234567890\n11234567890\n");
	assert_shown(
	    &(struct rows){2, 1, "1234567890"}, 5, 80, "HEADER\n01234567890\n11234567890\n");
	/* A character of two bytes takes one column. */
	assert_shown(&(struct rows){1, 1, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"}, 3, 6,
	    "HEADER\n0\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\n");
}

static void the_first_lines_are_kept(void **state)
{
	(void)state;
	assert_shown(&(struct rows){9, 5, ""}, 5, 80, "HEADER\n0\n0\n0\n");
	assert_shown(&(struct rows){9, 5, ""}, 2, 80, "HEADER\n");
}

static void one_without_a_size_gets_all(void **state)
{
	(void)state;
	assert_shown(&(struct rows){3, 1, ""}, 0, 0, "HEADER\n0\n1\n2\n");
	assert_shown(&(struct rows){3, 1, ""}, 1, 80, "HEADER\n0\n1\n2\n");
}

static void what_is_no_terminal_gets_all(void **state)
{
	const struct rows rows = {25, 1, ""};
	char *text;

	(void)state;
	stdout_capture();
	assert_result(terminal_show(print, &rows, MOST), 0);
	text = stdout_captured();
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "19\nAnd 5 more (--limit).\n"));
	free(text);
}

static int count_shows(void *context)
{
	int *shows = context;

	if (++*shows == 1)
		raise(SIGWINCH);
	else
		raise(SIGTERM);
	return 0;
}

static double seconds_of_two_shows(void)
{
	struct timespec before;
	struct timespec after;
	int shows = 0;

	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_result(terminal_watch(count_shows, &shows), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(shows, 2);
	return (double)(after.tv_sec - before.tv_sec) +
	       (double)(after.tv_nsec - before.tv_nsec) / 1e9;
}

static void a_new_size_is_not_waited_for(void **state)
{
	double least = seconds_of_two_shows();

	(void)state;
	/* A busy machine only adds to it. */
	for (int i = 0; i < 4 && least >= 0.9; i++) {
		const double seconds = seconds_of_two_shows();

		if (seconds < least)
			least = seconds;
	}
	assert_true(least < 0.9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_fits_is_shown_whole),
	    cmocka_unit_test(as_many_rows_as_fit_are_shown),
	    cmocka_unit_test(long_lines_take_several),
	    cmocka_unit_test(the_first_lines_are_kept),
	    cmocka_unit_test(one_without_a_size_gets_all),
	    cmocka_unit_test(what_is_no_terminal_gets_all),
	    cmocka_unit_test(a_new_size_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("terminal_frame", tests, NULL, NULL);
}
