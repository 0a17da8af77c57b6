// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/top_screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Title, summary, a blank, the heading; a blank, the selected row's source and owner, the failure,
 * the keys. */
#define LINES_ABOVE 4
#define LINES_BELOW 5

#define LINES_EXPLAINED 16 /* with fewer, rows have the place of what is said of one */
#define FILTER_SHOWN 24	   /* characters */

#define NUMBERS 54 /* what print_numbers() adds, with the blank before it */
#define NAME_LEAST 15
#define NAME_MOST 47 /* [IPv6]:port */
#define OWNER_LEAST 8

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define YELLOW "\033[33m"
#define REVERSE "\033[7m"
#define PLAIN "\033[0m"

const char top_screen_keys[] =
    "q               end\n"
    "s               sort by share, change, active or TIME_WAIT\n"
    "/               filter by name, address or owner; Enter keeps it, Esc drops it\n"
    "arrows, j, k    choose the line that is explained below\n"
    "Page Up, Down   the same by a page; Space is Page Down\n"
    "p               pause, or go on\n"
    "n               network namespaces, or destinations again\n"
    "Enter           on a network namespace: its destinations\n"
    "Esc, Backspace  back\n"
    "?               these keys\n";

/* The line that is being made. */
struct line {
	struct text *text;
	int columns; /* that are left */
	bool colours;
};

static void colour(struct line *line, const char *sequence)
{
	if (line->colours)
		text_add_string(line->text, sequence);
}

/* Adds at most what fits: whole characters of UTF-8, each of which counts as one column. */
static void put(struct line *line, const char *string)
{
	while (*string && line->columns > 0) {
		size_t length = 1;

		while (((unsigned char)string[length] & 0xc0) == 0x80)
			length++;
		text_add(line->text, string, length);
		string += length;
		line->columns--;
	}
}

__attribute__((format(printf, 2, 3))) static void print(struct line *line, const char *format, ...)
{
	char piece[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	put(line, piece);
}

/* Exactly width columns; of a longer string the end, since names differ at their ends. */
static void put_padded(struct line *line, const char *string, int width)
{
	const int length = (int)strlen(string);

	if (width <= 0)
		return;
	if (length > width && width > 3)
		print(line, "...%s", string + (length - width + 3));
	else
		print(line, "%-*.*s", width, width, string);
}

/* "checkout.service" of "/system.slice/checkout.service". */
static const char *short_name(const char *owner)
{
	const char *slash = strrchr(owner, '/');

	return slash && slash[1] ? slash + 1 : owner;
}

static void format_left(const struct top_row *row, char text[static 16])
{
	const double seconds = top_row_seconds_left(row);

	if (seconds == 0)
		snprintf(text, 16, "full");
	else if (seconds < 0)
		snprintf(text, 16, "-");
	else if (seconds < 120)
		snprintf(text, 16, "%.0f s", seconds);
	else if (seconds < 7200)
		snprintf(text, 16, "%.0f min", seconds / 60);
	else if (seconds < 172800)
		snprintf(text, 16, "%.0f h", seconds / 3600);
	else
		snprintf(text, 16, "days");
}

static void print_numbers(struct line *line, const struct top_row *row)
{
	char left[16];
	char change[16] = "-";

	format_left(row, left);
	if (row->has_rate)
		snprintf(change, sizeof(change), "%+.1f", row->rate);
	print(line, " %6u %5.1f%% %8s %8s %9lu %9lu", row->used, top_row_share(row) * 100, change,
	    left, row->active, row->time_wait);
}

/* Columns of the name; what is left is the owner's. */
static int name_width(const struct top_frame *frame, int columns)
{
	int longest = NAME_LEAST;
	const int most = columns - NUMBERS - OWNER_LEAST > NAME_LEAST
			     ? columns - NUMBERS - OWNER_LEAST
			     : columns - NUMBERS;

	for (size_t i = 0; i < frame->rows->length; i++)
		if ((int)strlen(frame->rows->list[i].name) > longest)
			longest = (int)strlen(frame->rows->list[i].name);
	if (longest > NAME_MOST)
		longest = NAME_MOST;
	return longest < most ? longest : most > NAME_LEAST ? most : NAME_LEAST;
}

static const char *pressure_colour(const struct top_row *row)
{
	const double share = top_row_share(row);

	return share >= 0.9 ? RED : share >= 0.5 ? YELLOW : "";
}

static void print_row(struct line *line, const struct top_row *row, int width, bool selected)
{
	colour(line, selected ? REVERSE : pressure_colour(row));
	put_padded(line, row->name, width);
	print_numbers(line, row);
	if (line->columns > 1) {
		put(line, " ");
		put_padded(line, short_name(row->owner[0] ? row->owner : ""), line->columns);
	}
	colour(line, PLAIN);
}

static void print_heading(struct line *line, const struct top_frame *frame, int width)
{
	const bool are_namespaces = frame->rows->are_namespaces;

	colour(line, BOLD);
	put_padded(line, are_namespaces ? "NAMESPACE" : "DESTINATION", width);
	print(line, " %6s %6s %8s %8s %9s %9s", "USED", "SHARE", "CHANGE/S", "FULL IN",
	    are_namespaces ? "SOCKETS" : "ACTIVE", "TIME_WAIT");
	if (!are_namespaces && line->columns > 1)
		put(line, " OWNER");
	colour(line, PLAIN);
}

static const struct top_row *match(const struct top_frame *frame, size_t number)
{
	for (size_t i = 0; i < frame->rows->length; i++)
		if (top_row_matches(&frame->rows->list[i], frame->filter) && number-- == 0)
			return &frame->rows->list[i];
	return NULL;
}

const struct top_row *top_screen_chosen(const struct top_frame *frame)
{
	return match(frame, frame->selected);
}

size_t top_screen_matches(const struct top_frame *frame)
{
	size_t count = 0;

	for (size_t i = 0; i < frame->rows->length; i++)
		count += top_row_matches(&frame->rows->list[i], frame->filter);
	return count;
}

size_t top_screen_rows(int lines)
{
	const int others = lines < LINES_EXPLAINED ? LINES_ABOVE + 2 : LINES_ABOVE + LINES_BELOW;

	return lines > others ? (size_t)(lines - others) : 1;
}

static struct line next_line(struct text *text, int columns, bool colours)
{
	if (text->length)
		text_add_char(text, '\n');
	return (struct line){text, columns, colours};
}

static void print_selected(struct text *text, const struct top_frame *frame, int columns)
{
	const struct top_row *row = match(frame, frame->selected);
	struct line line = next_line(text, columns, false);

	if (row && row->from[0])
		print(&line, frame->rows->are_namespaces ? "%s" : "from %s", row->from);
	line = next_line(text, columns, false);
	if (row && row->owner[0])
		print(&line, "%lu by %s", row->owner_ports, row->owner);
}

/* The last characters of what was typed, printable: the line has no room for more. */
static void copy_end(const char *typed, char text[static FILTER_SHOWN * 4 + 1])
{
	size_t characters = 0;
	size_t at = strlen(typed);

	while (at && characters < FILTER_SHOWN)
		characters += ((unsigned char)typed[--at] & 0xc0) != 0x80;
	snprintf(text, FILTER_SHOWN * 4 + 1, "%s", typed + at);
	text_make_printable(text);
}

static void print_keys(struct line *line, const struct top_frame *frame)
{
	char filter[FILTER_SHOWN * 4 + 1];

	copy_end(frame->filter, filter);
	if (frame->types_filter) {
		print(line, "Filter: %s_  (Enter keeps it, Esc drops it)", filter);
		return;
	}
	print(line, "q quit  ? keys  s sort: %s  n %s%s  / filter%s%s  p pause%s",
	    top_sort_name(frame->sort), frame->rows->are_namespaces ? "destinations" : "namespaces",
	    frame->rows->are_namespaces ? "  Enter opens"
	    : frame->can_go_back	? "  Esc back"
					: "",
	    filter[0] ? ": " : "", filter, frame->is_paused ? " (paused)" : "");
}

static void print_top(struct text *text, const struct top_frame *frame, int columns, bool colours)
{
	struct line line = {text, columns, colours};
	const int wanted = columns - (int)strlen(frame->clock) - 1;
	const int room = wanted > 0 ? wanted : 0;

	line.columns = room;
	put_padded(&line, frame->host, room);
	line.columns = columns - room;
	print(&line, " %s", frame->clock);
	line = next_line(text, columns, colours);
	put(&line, frame->summary);
	next_line(text, columns, colours);
	line = next_line(text, columns, colours);
	print_heading(&line, frame, name_width(frame, columns));
}

static void print_rest(struct line *line, const struct top_frame *frame, size_t shown)
{
	const size_t all = top_screen_matches(frame) + (size_t)frame->rows->others;

	if (all > shown)
		print(line, "%zu of %zu", shown, all);
	else if (frame->rows->length == 0)
		put(line, "No outgoing connection holds a port of the range.");
}

/* In the place of rows. */
static void print_help(struct text *text, size_t room, int columns)
{
	const char *at = top_screen_keys;

	for (size_t i = 0; i < room; i++) {
		const int length = (int)strcspn(at, "\n");
		struct line line = next_line(text, columns, false);

		print(&line, "%.*s", length, at);
		at += length + (at[length] == '\n');
	}
}

/* Returns how many there are. */
static size_t print_rows(
    struct text *text, const struct top_frame *frame, size_t room, int columns, bool colours)
{
	const int width = name_width(frame, columns);
	size_t number = 0;

	for (size_t i = 0; i < room; i++) {
		const struct top_row *row = match(frame, frame->first + i);
		struct line line = next_line(text, columns, colours);

		if (row)
			print_row(&line, row, width, frame->first + i == frame->selected);
		number += row != NULL;
	}
	return number;
}

void top_screen_render(
    struct text *text, const struct top_frame *frame, int lines, int columns, bool colours)
{
	const size_t room = top_screen_rows(lines);
	size_t number = 0;
	struct line line;

	print_top(text, frame, columns, colours);
	if (frame->shows_help)
		print_help(text, room, columns);
	else
		number = print_rows(text, frame, room, columns, colours);
	if (lines >= LINES_EXPLAINED) {
		line = next_line(text, columns, colours);
		if (!frame->shows_help)
			print_rest(&line, frame, number);
		print_selected(text, frame, columns);
	}
	line = next_line(text, columns, colours);
	put(&line, frame->failure);
	line = next_line(text, columns, colours);
	print_keys(&line, frame);
}

void top_screen_print(struct text *text, const struct top_frame *frame, size_t limit, int columns)
{
	const int width = name_width(frame, columns);

	print_top(text, frame, columns, false);
	for (size_t i = 0; i < limit; i++) {
		const struct top_row *row = match(frame, i);
		struct line line;

		if (!row)
			break;
		line = next_line(text, columns, false);
		print_row(&line, row, width, false);
	}
	text_add_char(text, '\n');
}
