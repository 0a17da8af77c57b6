// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "guard_page.h"
#include "stdout_capture.h"
#include "unit.h"

static void assert_wrapped(const char *text, int indent, int width, const char *wanted)
{
	struct guarded guarded = guard(text, strlen(text) + 1, 1);
	char *printed;

	stdout_capture();
	terminal_print_wrapped(guarded.bytes, indent, width);
	printed = stdout_captured();
	guard_free(&guarded);
	assert_string_equal(printed, wanted);
	free(printed);
}

static void lines_end_before_the_width_does(void **state)
{
	(void)state;
	assert_wrapped("", 0, 10, "\n");
	assert_wrapped("one", 0, 10, "one\n");
	assert_wrapped("one two", 0, 7, "one two\n");
	assert_wrapped("one two", 0, 6, "one\ntwo\n");
	assert_wrapped("one two three", 0, 7, "one two\nthree\n");
	assert_wrapped("1234567890 1", 0, 10, "1234567890\n1\n");
	assert_wrapped("123456789 1", 0, 10, "123456789\n1\n");
	assert_wrapped("12345678 1", 0, 10, "12345678 1\n");
}

static void each_line_is_indented(void **state)
{
	(void)state;
	assert_wrapped("one two three", 2, 9, "  one two\n  three\n");
	assert_wrapped("one two three", 3, 9, "   one\n   two\n   three\n");
	assert_wrapped("one", 7, 60, "       one\n");
}

static void a_word_too_long_has_a_line_of_its_own(void **state)
{
	(void)state;
	assert_wrapped("a verylongword b", 0, 5, "a\nverylongword\nb\n");
	assert_wrapped("verylongword", 4, 5, "    verylongword\n");
	assert_wrapped("a b", 20, 5, "                    a\n                    b\n");
}

static void blanks_are_one(void **state)
{
	(void)state;
	assert_wrapped("one   two", 0, 20, "one two\n");
	assert_wrapped("one   two", 0, 4, "one\ntwo\n");
	assert_wrapped("one two  ", 0, 20, "one two\n");
}

/* Whatever the text and the width: the words are those, and no line is too long. */
static void no_line_is_longer_than_the_width(void **state)
{
	static const char text[] =
	    "It is inside this host's ephemeral range (40000-40009). Nothing "
	    "is on it. The next bind() to port 0 takes it.";

	(void)state;
	for (int width = 20; width < 130; width++) {
		char joined[sizeof(text) + 8] = "";
		char *printed;

		stdout_capture();
		terminal_print_wrapped(text, 3, width);
		printed = stdout_captured();
		for (char *line = strtok(printed, "\n"); line; line = strtok(NULL, "\n")) {
			assert_true(strlen(line) <= (size_t)width);
			assert_true(strspn(line, " ") == 3);
			snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s",
			    joined[0] ? " " : "", line + 3);
		}
		assert_string_equal(joined, text);
		free(printed);
	}
}

static void assert_clipped(const char *text, size_t width, const char *wanted)
{
	struct guarded guarded = guard(text, strlen(text) + 1, 1);
	char *printed;

	stdout_capture();
	terminal_print_clipped(guarded.bytes, width);
	printed = stdout_captured();
	guard_free(&guarded);
	assert_string_equal(printed, wanted);
	free(printed);
}

static void what_is_too_long_loses_its_beginning(void **state)
{
	(void)state;
	assert_clipped("", 0, "");
	assert_clipped("", 9, "");
	assert_clipped("/a/b/c", 6, "/a/b/c");
	assert_clipped("/a/b/c", 7, "/a/b/c");
	assert_clipped("/a/b/c", 5, ".../c");
	assert_clipped("0123456789", 4, "...9");
	assert_clipped("0123456789", 9, "...456789");
	/* No room for what it would say. */
	assert_clipped("0123456789", 3, "");
	assert_clipped("0123456789", 0, "");
	assert_clipped("012", 3, "012");
}

/* Half a character is none, and turns a terminal's line into question marks. */
static void no_character_is_cut_in_two(void **state)
{
	(void)state;
	assert_clipped("ab\xc3\xa9"
		       "cd",
	    5, "...cd");
	assert_clipped("abcd\xc3\xa9"
		       "f",
	    6,
	    "...\xc3\xa9"
	    "f");
	assert_clipped("abcd\xc3\xa9"
		       "f",
	    5, "...f");
	assert_clipped("0123\xf0\x9f\x98\x80"
		       "5",
	    8,
	    "...\xf0\x9f\x98\x80"
	    "5");
	assert_clipped("0123\xf0\x9f\x98\x80"
		       "5",
	    7, "...5");
	assert_clipped("0123\xf0\x9f\x98\x80"
		       "5",
	    5, "...5");
	/* Nothing but what is in the middle of characters. */
	assert_clipped("\x80\x80\x80\x80\x80\x80\x80\x80", 6, "...");
}

static int width_of(unsigned short columns)
{
	const struct winsize size = {.ws_row = 24, .ws_col = columns};
	const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int width;
	int before;
	int slave;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		skip();
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		skip();
	assert_result(ioctl(slave, TIOCSWINSZ, &size), 0);
	fflush(stdout);
	before = dup(STDOUT_FILENO);
	assert_true(dup2(slave, STDOUT_FILENO) >= 0);
	width = terminal_width();
	assert_true(dup2(before, STDOUT_FILENO) >= 0);
	close(before);
	close(slave);
	close(master);
	return width;
}

static void the_width_is_the_terminals_within_reason(void **state)
{
	(void)state;
	assert_int_equal(width_of(100), 100);
	assert_int_equal(width_of(60), 60);
	assert_int_equal(width_of(59), 60);
	assert_int_equal(width_of(1), 60);
	assert_int_equal(width_of(500), 500);
	assert_int_equal(width_of(501), 500);
	assert_int_equal(width_of(65535), 500);
	/* One that says nothing of its width. */
	assert_int_equal(width_of(0), 80);
}

static void what_is_no_terminal_has_80_columns(void **state)
{
	int width;
	char *printed;

	(void)state;
	stdout_capture();
	width = terminal_width();
	printed = stdout_captured();
	assert_int_equal(width, 80);
	free(printed);
}

static void what_cannot_be_written_is_told(void **state)
{
	int before;
	int result;
	const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (full < 0)
		skip();
	fflush(stdout);
	before = dup(STDOUT_FILENO);
	assert_true(dup2(full, STDOUT_FILENO) >= 0);
	fputs("text", stdout);
	result = terminal_flush();
	assert_true(dup2(before, STDOUT_FILENO) >= 0);
	clearerr(stdout);
	close(before);
	close(full);
	assert_result(result, -ENOSPC);
	assert_result(terminal_flush(), 0);
}

struct shows {
	int count;
	int end_at;
	int signal;
	int result;
};

static int show(void *context)
{
	struct shows *shows = context;

	if (++shows->count < shows->end_at)
		return 0;
	if (shows->signal)
		raise(shows->signal);
	return shows->result;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A signal that comes while it shows is not lost, and the showing is not cut off. */
static void a_watch_ends_by_a_signal(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM};

	(void)state;
	for (size_t i = 0; i < LENGTH(signals); i++) {
		struct shows shows = {.end_at = 1, .signal = signals[i]};
		const double before = seconds_now();

		assert_result(terminal_watch(show, &shows), 0);
		assert_int_equal(shows.count, 1);
		assert_true(seconds_now() - before < 0.9);
	}
}

static void a_watch_shows_every_second(void **state)
{
	struct shows shows = {.end_at = 2, .signal = SIGTERM};
	const double before = seconds_now();

	(void)state;
	assert_result(terminal_watch(show, &shows), 0);
	assert_int_equal(shows.count, 2);
	assert_true(seconds_now() - before >= 0.99);
}

static void a_watch_ends_where_it_cannot_show(void **state)
{
	struct shows shows = {.end_at = 1, .result = -EPIPE};

	(void)state;
	assert_result(terminal_watch(show, &shows), -EPIPE);
	assert_int_equal(shows.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_end_before_the_width_does),
	    cmocka_unit_test(each_line_is_indented),
	    cmocka_unit_test(a_word_too_long_has_a_line_of_its_own),
	    cmocka_unit_test(blanks_are_one),
	    cmocka_unit_test(no_line_is_longer_than_the_width),
	    cmocka_unit_test(what_is_too_long_loses_its_beginning),
	    cmocka_unit_test(no_character_is_cut_in_two),
	    cmocka_unit_test(the_width_is_the_terminals_within_reason),
	    cmocka_unit_test(what_is_no_terminal_has_80_columns),
	    cmocka_unit_test(what_cannot_be_written_is_told),
	    cmocka_unit_test(a_watch_ends_by_a_signal),
	    cmocka_unit_test(a_watch_shows_every_second),
	    cmocka_unit_test(a_watch_ends_where_it_cannot_show),
	};

	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
