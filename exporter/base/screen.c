// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* A byte of an escape sequence comes at once behind the one before it, also by ssh. */
#define SEQUENCE_MS 50

static struct termios before;
static struct termios raw;
static sigset_t mask_before;
static int signals = -1;

bool screen_can(void)
{
	const char *kind = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind && kind[0] &&
	       strcmp(kind, "dumb") != 0;
}

bool screen_has_colours(void)
{
	const char *no = getenv("NO_COLOR");

	return !no || !no[0];
}

static int put(const char *bytes, size_t length)
{
	while (length) {
		const ssize_t written = write(STDOUT_FILENO, bytes, length);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			bytes += written;
			length -= (size_t)written;
		}
	}
	return 0;
}

static int put_string(const char *string)
{
	return put(string, strlen(string));
}

/* The alternate screen, no cursor, and no wrapping at the last column. */
static int enter(void)
{
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	return put_string("\033[?1049h\033[?25l\033[?7l");
}

static void leave(void)
{
	(void)put_string("\033[?7h\033[?25h\033[?1049l");
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

/* Ctrl-Z: the shell gets its screen, until it lets us go on. */
static void suspend(void)
{
	leave();
	raise(SIGSTOP);
}

int screen_open(void)
{
	sigset_t wanted;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -errno;
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGHUP);
	sigaddset(&wanted, SIGQUIT);
	sigaddset(&wanted, SIGWINCH);
	sigaddset(&wanted, SIGTSTP);
	sigaddset(&wanted, SIGCONT);
	sigprocmask(SIG_BLOCK, &wanted, &mask_before);
	signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0) {
		const int error = errno;

		sigprocmask(SIG_SETMASK, &mask_before, NULL);
		return -error;
	}
	raw = before;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return enter();
}

void screen_close(void)
{
	leave();
	close(signals);
	signals = -1;
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

void screen_size(int *ret_lines, int *ret_columns)
{
	struct winsize size;
	const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

	*ret_lines = known && size.ws_row ? size.ws_row : 24;
	*ret_columns = known && size.ws_col ? size.ws_col : 80;
}

/* The next byte of the terminal within timeout_ms, or -1. */
static int next_byte(int timeout_ms)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned char byte;

	if (poll(&input, 1, timeout_ms) <= 0 || read(STDIN_FILENO, &byte, 1) != 1)
		return -1;
	return byte;
}

/* What follows ESC: "[A", "OA", "[5~". ESC alone is a key, too. */
static int read_sequence(void)
{
	int byte = next_byte(SEQUENCE_MS);
	int first;

	if (byte < 0)
		return '\033';
	if (byte != '[' && byte != 'O')
		return SCREEN_OTHER;
	first = byte = next_byte(SEQUENCE_MS);
	/* Parameters, up to the letter or ~ that ends it. */
	for (int i = 0; i < 16 && byte >= 0 && byte < '@'; i++)
		byte = next_byte(SEQUENCE_MS);
	switch (byte) {
	case 'A':
		return SCREEN_UP;
	case 'B':
		return SCREEN_DOWN;
	case '~':
		return first == '5'   ? SCREEN_PAGE_UP
		       : first == '6' ? SCREEN_PAGE_DOWN
				      : SCREEN_OTHER;
	default:
		return SCREEN_OTHER;
	}
}

static int read_signal(void)
{
	struct signalfd_siginfo info;
	int found = SCREEN_NOTHING;

	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTSTP:
			suspend();
			break; /* and SIGCONT follows */
		case SIGCONT:
			/* A shell that was in the foreground meanwhile has set the terminal its
			 * way. */
			(void)enter();
			found = SCREEN_RESIZED;
			break;
		case SIGWINCH:
			found = SCREEN_RESIZED;
			break;
		default:
			return SCREEN_END;
		}
	}
	return found;
}

int screen_wait(int timeout_ms)
{
	struct pollfd both[] = {
	    {.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = signals, .events = POLLIN},
	};

	if (poll(both, 2, timeout_ms) <= 0)
		return SCREEN_NOTHING;
	if (both[1].revents)
		return read_signal();
	if (!(both[0].revents & POLLIN))
		return SCREEN_END;

	const int byte = next_byte(0);

	if (byte < 0)
		return SCREEN_END;
	return byte == '\033' ? read_sequence() : byte;
}

int screen_draw(const struct text *text)
{
	struct text frame = {0};
	size_t at = 0;
	int result;

	text_add_string(&frame, "\033[H");
	while (at < text->length) {
		const char *newline = memchr(text->data + at, '\n', text->length - at);
		const size_t length =
		    newline ? (size_t)(newline - text->data) - at : text->length - at;

		/* Before the text: behind a full line the cursor is still on its last column. */
		text_add_string(&frame, "\033[K");
		text_add(&frame, text->data + at, length);
		if (newline)
			text_add_string(&frame, "\r\n");
		at += length + 1;
	}
	result = frame.error ? frame.error : put(frame.data, frame.length);
	free(frame.data);
	return result;
}
