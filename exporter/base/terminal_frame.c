// SPDX-License-Identifier: Apache-2.0
/* What --watch shows at a time: as much as the terminal has room for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exporter/base/terminal.h"

/* From the top, on an empty screen. */
#define CLEAR "\033[H\033[J"

struct frame {
	terminal_print *print;
	const void *context;
	size_t lines; /* that the text may have; 0: any number */
	size_t columns;
	char *text;
	size_t length;
};

/* Keeps what print prints. Returns 0 or -ENOMEM. */
static int draw(struct frame *frame, size_t limit)
{
	FILE *const terminal = stdout;
	FILE *file;

	free(frame->text);
	frame->text = NULL;
	file = open_memstream(&frame->text, &frame->length);
	if (!file)
		return -ENOMEM;
	/* glibc lets programs set it: everything that prints for people prints there. */
	stdout = file;
	frame->print(frame->context, limit);
	stdout = terminal;
	return fclose(file) == 0 ? 0 : -ENOMEM;
}

/* The bytes of the first lines of the text that fit; a line too long goes on in the next one. */
static size_t length_that_fits(const struct frame *frame)
{
	size_t lines = 1;
	size_t column = 0;
	size_t end = 0;

	for (size_t i = 0; i < frame->length && lines <= frame->lines; i++) {
		const unsigned char c = (unsigned char)frame->text[i];

		if (c == '\n') {
			lines++;
			column = 0;
			end = i + 1;
		} else if ((c & 0xc0) != 0x80 && column++ == frame->columns) {
			lines++;
			column = 1;
		}
	}
	return end;
}

static bool fits(const struct frame *frame)
{
	return frame->lines == 0 || length_that_fits(frame) == frame->length;
}

/* Draws with the highest limit below most that fits, or with 1. */
static int draw_less(struct frame *frame, size_t most)
{
	size_t low = 1;
	size_t high = most;
	int result = 0;

	while (low + 1 < high && result == 0) {
		const size_t middle = low + (high - low) / 2;

		result = draw(frame, middle);
		if (fits(frame))
			low = middle;
		else
			high = middle;
	}
	return result == 0 ? draw(frame, low) : result;
}

const char *terminal_reason(size_t limit, size_t most)
{
	return limit < most ? "the terminal is full" : "--limit";
}

int terminal_show(terminal_print *print, const void *context, size_t most)
{
	struct winsize size = {0};
	struct frame frame = {.print = print, .context = context};
	int result;

	if (!isatty(STDOUT_FILENO)) {
		print(context, most);
		return 0;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 && size.ws_col) {
		/* The cursor stands in the line below. */
		frame.lines = size.ws_row - 1u;
		frame.columns = size.ws_col;
	}
	result = draw(&frame, most);
	if (result == 0 && !fits(&frame))
		result = draw_less(&frame, most);
	if (result == 0) {
		fputs(CLEAR, stdout);
		fwrite(
		    frame.text, 1, frame.lines ? length_that_fits(&frame) : frame.length, stdout);
	}
	free(frame.text);
	return result;
}
