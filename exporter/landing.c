// SPDX-License-Identifier: Apache-2.0
#include "exporter/landing.h"

#include <stdlib.h>
#include <string.h>

#include "exporter/text.h"
#include "exporter/version.h"

/* exporter/pages/index.html as it is; the build system says where it lies. */
__asm__(".pushsection .rodata\n"
	".globl landing_template\n"
	".hidden landing_template\n"
	"landing_template:\n"
	".incbin \"" EPHEMERA_PAGES "/index.html\"\n"
	".byte 0\n"
	".popsection\n");
extern const char landing_template[] __attribute__((visibility("hidden")));

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

char *landing_page(const char *telemetry_path, size_t *ret_length)
{
	static const char path_mark[] = "@TELEMETRY_PATH@";
	static const char version_mark[] = "@VERSION@";
	struct text page = {0};
	const char *at = landing_template;

	while (*at) {
		if (strncmp(at, path_mark, strlen(path_mark)) == 0) {
			add_html(&page, telemetry_path);
			at += strlen(path_mark);
		} else if (strncmp(at, version_mark, strlen(version_mark)) == 0) {
			add_html(&page, EPHEMERA_VERSION);
			at += strlen(version_mark);
		} else {
			text_add_char(&page, *at++);
		}
	}
	if (page.error) {
		free(page.data);
		return NULL;
	}
	*ret_length = page.length;
	return page.data;
}
