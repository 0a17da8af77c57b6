// SPDX-License-Identifier: Apache-2.0
#include "port_wording.h"

#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "exporter/answers/port_words.h"
#include "unit.h"

void assert_text(struct text *text, const char *wanted)
{
	text_add_char(text, '\0');
	assert_int_equal(text->error, 0);
	assert_string_equal(text->data, wanted);
	free(text->data);
}

struct port_socket make(enum port_role role, enum socket_protocol protocol, enum socket_state state,
    const char *local, uint16_t port)
{
	struct port_socket found = {.role = role};

	found.socket = make_socket(state, local, port, strchr(local, ':') ? "::" : "0.0.0.0", 443);
	found.socket.protocol = protocol;
	found.socket.inode = 4711;
	return found;
}

void assert_socket(const struct port_socket found, const char *wanted)
{
	struct text text = {0};

	port_words_add_socket(&text, &lookup, &found);
	assert_text(&text, wanted);
}
