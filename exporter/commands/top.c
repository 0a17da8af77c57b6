// SPDX-License-Identifier: Apache-2.0
/* `ephemera top`: the fullest destinations on a whole terminal, as they change. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collectors/kernel/clock.h"
#include "exporter/answers/top_screen.h"
#include "exporter/base/screen.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/option_value.h"
#include "exporter/commands/top_look.h"

extern const struct command top_command;

/* A look is made each second, and where it takes long, in a fifth of the time. */
#define LOOK_MS 1000
#define LOOK_PARTS 5
#define REASON_MS 3000

#define FILTER_SIZE 64

struct top {
	struct top_look *look;
	struct top_rows rows;
	struct top_frame frame;
	const char *namespace; /* of --namespace; NULL: ours */
	char filter[FILTER_SIZE];
	char host[TOP_LINE];
	char clock[16];
	char summary[TOP_LINE];
	char failure[TOP_LINE];
	enum top_view view;
	uint32_t namespace_id; /* of TOP_ONE */
	bool colours;
	bool ended;
	struct timespec next; /* when to look again */
};

/* namespace: NULL: where top began. */
static void set_host(struct top *top, const char *namespace)
{
	char name[64] = "";

	gethostname(name, sizeof(name) - 1);
	snprintf(top->host, sizeof(top->host), "ephemera top: %s%s%.160s", name,
	    namespace ? ", network namespace " : "", namespace ? namespace : "");
	text_make_printable(top->host);
}

static void set_texts(struct top *top)
{
	const time_t now = time(NULL);
	struct tm local;

	strftime(top->clock, sizeof(top->clock), "%H:%M:%S", localtime_r(&now, &local));
	top_look_summarize(top->look, top->summary);
	top_look_failures(top->look, top->view, top->failure);
}

static void add_ms(struct timespec *time, long ms)
{
	time->tv_nsec += ms % 1000 * 1000000;
	time->tv_sec += ms / 1000 + time->tv_nsec / 1000000000;
	time->tv_nsec %= 1000000000;
}

/* From the next look on. Rows of another view tell no rates. name: of TOP_ONE. */
static void show(struct top *top, enum top_view view, const char *name)
{
	top->view = view;
	top->frame.selected = top->frame.first = 0;
	top->frame.shows_help = false;
	top->frame.can_go_back = view == TOP_ONE;
	top->next = (struct timespec){0};
	set_host(top, name ? name : top->namespace);
	if (view != TOP_ONE)
		return;
	top_rows_free(&top->rows);
	top->rows = (struct top_rows){0};
}

/* Looks, and compares with the look before. Returns 0 or -errno. */
static int look(struct top *top)
{
	const struct timespec begun = clock_now();
	struct top_rows rows;
	const int result = top_look_now(top->look, top->view, top->namespace_id, &rows);
	long spent = (long)(clock_seconds_since(&begun) * 1000);

	if (result == -ENODATA) {
		snprintf(top->failure, sizeof(top->failure), "All namespaces: %s",
		    top_look_reason(top->look));
		show(top, top->view == TOP_ONE ? TOP_NAMESPACES : TOP_OWN, NULL);
		/* So long the reason can be read. */
		top->next = begun;
		add_ms(&top->next, REASON_MS);
		return 0;
	}
	if (result < 0)
		return result;
	top_rows_compare(&rows, &top->rows);
	top_rows_sort(&rows, top->frame.sort);
	top_rows_free(&top->rows);
	top->rows = rows;
	set_texts(top);
	top->next = begun;
	spent *= LOOK_PARTS;
	add_ms(&top->next, spent > LOOK_MS ? spent : LOOK_MS);
	return 0;
}

/* Keeps the selected row among those that match, and on the screen. */
static void keep_selected(struct top *top, size_t room)
{
	struct top_frame *frame = &top->frame;
	const size_t matches = top_screen_matches(frame);

	if (frame->selected >= matches)
		frame->selected = matches ? matches - 1 : 0;
	if (frame->first > frame->selected)
		frame->first = frame->selected;
	if (frame->selected - frame->first >= room)
		frame->first = frame->selected - room + 1;
}

static int draw(struct top *top)
{
	struct text text = {0};
	int lines;
	int columns;
	int result;

	screen_size(&lines, &columns);
	keep_selected(top, top_screen_rows(lines));
	top_screen_render(&text, &top->frame, lines, columns, top->colours);
	result = text.error ? text.error : screen_draw(&text);
	free(text.data);
	return result;
}

/* Drops the last character, which can have several bytes of UTF-8. */
static void drop_last(char *text)
{
	size_t length = strlen(text);

	while (length && ((unsigned char)text[--length] & 0xc0) == 0x80)
		;
	text[length] = '\0';
}

static void type_filter(struct top *top, int key)
{
	const size_t length = strlen(top->filter);

	if (key == '\r' || key == '\n') {
		top->frame.types_filter = false;
	} else if (key == '\033') {
		top->frame.types_filter = false;
		top->filter[0] = '\0';
	} else if (key == 127 || key == '\b') {
		drop_last(top->filter);
	} else if (key >= ' ' && key < 256 && length + 1 < sizeof(top->filter)) {
		top->filter[length] = (char)key;
		top->filter[length + 1] = '\0';
	}
}

static void move(struct top *top, long by)
{
	const size_t matches = top_screen_matches(&top->frame);
	const long wanted = (long)top->frame.selected + by;

	if (matches)
		top->frame.selected = wanted < 0		  ? 0
				      : (size_t)wanted >= matches ? matches - 1
								  : (size_t)wanted;
}

static void sort_by_next(struct top *top)
{
	top->frame.sort = (top->frame.sort + 1) % TOP_SORTS;
	top_rows_sort(&top->rows, top->frame.sort);
}

/* Enter: what the chosen namespace has. */
static int open_chosen(struct top *top)
{
	const struct top_row *row = top_screen_chosen(&top->frame);
	char name[TOP_LINE];

	if (top->view != TOP_NAMESPACES || !row)
		return 0;
	snprintf(name, sizeof(name), "%s", row->name);
	top->namespace_id = row->namespace_id;
	top->filter[0] = '\0';
	show(top, TOP_ONE, name);
	return look(top);
}

static int go_back(struct top *top)
{
	if (top->frame.shows_help || top->view == TOP_OWN) {
		top->frame.shows_help = false;
		return 0;
	}
	show(top, top->view == TOP_ONE ? TOP_NAMESPACES : TOP_OWN, NULL);
	return look(top);
}

/* Moves the choice, if the key does that. */
static void press_mover(struct top *top, int key)
{
	int lines;
	int columns;

	screen_size(&lines, &columns);

	const long page = (long)top_screen_rows(lines);

	if (key == SCREEN_UP || key == 'k')
		move(top, -1);
	else if (key == SCREEN_DOWN || key == 'j')
		move(top, 1);
	else if (key == SCREEN_PAGE_UP)
		move(top, -page);
	else if (key == SCREEN_PAGE_DOWN || key == ' ')
		move(top, page);
}

static int press(struct top *top, int key)
{
	switch (key) {
	case SCREEN_END:
	case 'q':
		top->ended = true;
		return 0;
	case 's':
		sort_by_next(top);
		return 0;
	case 'p':
		top->frame.is_paused = !top->frame.is_paused;
		return 0;
	case '?':
		top->frame.shows_help = !top->frame.shows_help;
		return 0;
	case '/':
		top->frame.types_filter = true;
		top->filter[0] = '\0';
		return 0;
	case 'n':
		show(top, top->view == TOP_NAMESPACES ? TOP_OWN : TOP_NAMESPACES, NULL);
		return look(top);
	case '\r':
	case '\n':
		return open_chosen(top);
	case '\033':
	case 127:
	case '\b':
		return go_back(top);
	default:
		press_mover(top, key);
		return 0;
	}
}

static int ms_until(const struct timespec *time)
{
	const double seconds = -clock_seconds_since(time);

	return seconds <= 0 ? 0 : (int)(seconds * 1000) + 1;
}

static int run_screen(struct top *top)
{
	int result = draw(top);

	while (result == 0 && !top->ended) {
		const int wait = top->frame.is_paused ? LOOK_MS : ms_until(&top->next);
		const int key = screen_wait(wait);

		if (key == SCREEN_NOTHING) {
			if (!top->frame.is_paused)
				result = look(top);
		} else if (key != SCREEN_RESIZED && key != SCREEN_END && top->frame.types_filter) {
			type_filter(top, key);
		} else {
			result = press(top, key);
		}
		if (result == 0 && !top->ended)
			result = draw(top);
	}
	return result;
}

/* Without a terminal: one look, as text. */
static int print_once(struct top *top, size_t limit)
{
	struct text text = {0};
	int result;

	top_screen_print(&text, &top->frame, limit, terminal_width());
	result = text.error;
	if (result == 0) {
		fwrite(text.data, 1, text.length, stdout);
		result = terminal_flush();
	}
	free(text.data);
	return result;
}

static int run(struct top *top, const struct options *options)
{
	int result = look(top);

	if (result < 0)
		return result;
	if (!screen_can())
		return print_once(top, options->limit);
	top->colours = screen_has_colours();
	result = screen_open();
	if (result < 0)
		return result;
	result = run_screen(top);
	screen_close();
	return result;
}

static int run_top(struct options *options)
{
	struct top top = {0};
	char error[NAMESPACE_ERROR_SIZE];
	int result = namespace_enter(options, error);

	if (result < 0)
		return command_end(&top_command, result, error);
	top.frame = (struct top_frame){
	    .rows = &top.rows,
	    .host = top.host,
	    .clock = top.clock,
	    .summary = top.summary,
	    .failure = top.failure,
	    .filter = top.filter,
	};
	top.namespace = options->namespace;
	set_host(&top, top.namespace);
	result = top_look_open(options, &top.look);
	if (result == 0)
		result = run(&top, options);
	top_rows_free(&top.rows);
	top_look_close(top.look);
	return command_end(&top_command, result, NULL);
}

static int check_top(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	if (options->source.replay)
		return option_fail(error, "top and --sockets.replay cannot be combined");
	if (namespace_is_all(options))
		return option_fail(error,
		    "%s shows one network namespace: --namespace=all is for "
		    "destinations, port and trace",
		    "top");
	return namespace_check(options, error);
}

static const struct command_example examples[] = {
    {"Watch the fullest destinations", "ephemera top"},
    {NULL, NULL},
};

const struct command top_command = {
    .name = "top",
    .help = "show the fullest destinations on the whole terminal, as they change",
    .examples = examples,
    .notes_title = "Keys",
    .notes = top_screen_keys,
    .takes_flags = true,
    .check = check_top,
    .run = run_top,
};
