// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "exporter/base/text.h"
#include "exporter/base/version.h"
#include "exporter/web/routes.h"

/* The page loads only its own styles and scripts, and asks only its own server. */
#define POLICY                                                                          \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "                 \
	"require-trusted-types-for 'script'"

#define INDEX "index.html"

struct page {
	const char *name;
	const char *start;
	const char *end;
};

/* The build system finds the files and makes PAGES and the symbols that it names. */
#include "exporter/web/pages.inc"

static const struct page *find(const char *name)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(pages[i].name, name) == 0)
			return &pages[i];
	return NULL;
}

static bool ends_with(const char *text, const char *end)
{
	const size_t length = strlen(text);

	return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static struct answer answer_of(const char *type)
{
	struct answer answer = {.status = 200, .policy = POLICY, .is_static = true};

	snprintf(answer.type, sizeof(answer.type), "%s", type);
	return answer;
}

bool pages_find(const char *name, struct answer *ret_answer)
{
	const struct page *page = find(name);

	/* The index is a template, and served at "/". */
	if (!page || strcmp(name, INDEX) == 0)
		return false;
	*ret_answer = answer_of(
	    ends_with(name, ".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8");
	ret_answer->body = page->start;
	ret_answer->length = (size_t)(page->end - page->start);
	return true;
}

static void add_html(struct text *text, const char *value)
{
	for (; *value; value++) {
		switch (*value) {
		case '&':
			text_add_string(text, "&amp;");
			break;
		case '<':
			text_add_string(text, "&lt;");
			break;
		case '"':
			text_add_string(text, "&quot;");
			break;
		default:
			text_add_char(text, *value);
		}
	}
}

struct mark {
	const char *name;
	const char *value;
};

/* Adds the template, with the marks in it replaced. */
static void fill_in(
    const struct page *template, const struct mark *marks, size_t length, struct text *page)
{
	for (const char *at = template->start; at < template->end;) {
		const size_t left = (size_t)(template->end - at);
		size_t i;

		for (i = 0; i < length; i++)
			if (strlen(marks[i].name) <= left &&
			    memcmp(at, marks[i].name, strlen(marks[i].name)) == 0)
				break;
		if (i < length) {
			add_html(page, marks[i].value);
			at += strlen(marks[i].name);
		} else {
			text_add_char(page, *at++);
		}
	}
}

struct answer pages_index(const struct site *site, const struct openness *openness)
{
	struct text open = {0};
	struct answer answer = answer_of("text/html; charset=utf-8");
	struct text page = {0};
	struct utsname host = {0};

	/* A stranger need not learn it. */
	if (openness_is_known(openness))
		uname(&host);
	text_make_printable(host.nodename);
	openness_add(&open, openness, site->listening, site->api);
	text_add_char(&open, '\0');
	if (!open.error) {
		const struct mark marks[] = {
		    {"@TELEMETRY_PATH@", site->telemetry_path},
		    {"@VERSION@", EPHEMERA_VERSION},
		    {"@API@", site->api && !openness->api_refuses ? "on" : "off"},
		    {"@NAMESPACES@", site->api_is_guarded ? "on" : "off"},
		    {"@FAILURES@", site->failures && !openness->api_refuses ? "on" : "off"},
		    {"@HOST@", host.nodename},
		    {"@OPEN@", open.data},
		};

		fill_in(find(INDEX), marks, sizeof(marks) / sizeof(marks[0]), &page);
	}
	answer.is_static = false;
	/* It depends on who asks. */
	answer.no_store = true;
	if (open.error || page.error)
		free(page.data);
	else
		answer.body = page.data;
	answer.length = page.length;
	free(open.data);
	return answer;
}
