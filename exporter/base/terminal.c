// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/terminal.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MIN 60
#define WIDTH_LEAST 20
#define WIDTH_MAX 500

static int width_from(int least)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH_DEFAULT;
	if (size.ws_col < least)
		return least;
	return size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
}

int terminal_width(void)
{
	return width_from(WIDTH_MIN);
}

int terminal_narrow_width(void)
{
	return width_from(WIDTH_LEAST);
}

int terminal_cut_width(void)
{
	return isatty(STDOUT_FILENO) ? terminal_width() : INT_MAX;
}

void terminal_print_clipped(const char *text, size_t width)
{
	const size_t length = strlen(text);

	if (length <= width) {
		fputs(text, stdout);
	} else if (width > 3) {
		text += length - (width - 3);
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++; /* the rest of a character that was cut in two */
		printf("...%s", text);
	}
}

void terminal_print_wrapped(const char *text, int indent, int width)
{
	int column = 0;

	while (*text) {
		const int length = (int)strcspn(text, " ");

		if (column && column + 1 + length > width) {
			putchar('\n');
			column = 0;
		}
		if (column == 0)
			column = printf("%*s", indent, "");
		else
			column += printf(" ");
		column += printf("%.*s", length, text);
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

void terminal_print_source_note(bool refused)
{
	putchar('\n');
	terminal_print_wrapped(
	    refused ? "The kernel or a sandbox refused sock_diag, so sockets were "
		      "read from /proc. It does not show TCP sockets that only called "
		      "bind(), nor whether the kernel chose a port."
		    : "Sockets were read from /proc. It does not show TCP sockets that "
		      "only called bind(), nor whether the kernel chose a port.",
	    0, terminal_width());
}

/* Waits for the next look. Returns false if a signal ends the watch. */
static bool wait_for_next(const sigset_t *ends)
{
	const struct timespec second = {.tv_sec = 1};
	/* While a window is drawn larger, its size changes all the time. */
	const struct timespec pause = {.tv_nsec = 100000000};
	sigset_t signals = *ends;
	int signal;

	sigaddset(&signals, SIGWINCH);
	signal = sigtimedwait(&signals, NULL, &second);
	if (signal == SIGWINCH)
		signal = sigtimedwait(ends, NULL, &pause);
	return signal < 0;
}

int terminal_watch(int (*show)(void *context), void *context)
{
	sigset_t ends;
	sigset_t blocked;
	int result;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	blocked = ends;
	sigaddset(&blocked, SIGWINCH);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	do {
		result = show(context);
	} while (result == 0 && wait_for_next(&ends));
	/* Ctrl-C shows as ^C, and the shell's prompt would come behind it. */
	if (result == 0 && isatty(STDOUT_FILENO))
		putchar('\n');
	return result == 0 ? terminal_flush() : result;
}

int terminal_put_line(const char *text)
{
	errno = 0;
	if (puts(text) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

int terminal_flush(void)
{
	errno = 0;
	if (fflush(stdout) != 0)
		return errno ? -errno : -EIO;
	return 0;
}
