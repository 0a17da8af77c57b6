// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_check(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

void *fuzz_bytes(const uint8_t *data, size_t size)
{
	void *bytes = malloc(size ? size : 1);

	FUZZ_CHECK(bytes);
	if (size)
		memcpy(bytes, data, size);
	return bytes;
}

char *fuzz_string(const uint8_t *data, size_t size)
{
	const size_t length = size ? strnlen((const char *)data, size) : 0;
	char *string = malloc(length + 1);

	FUZZ_CHECK(string);
	if (length)
		memcpy(string, data, length);
	string[length] = '\0';
	return string;
}

char *fuzz_take(const char **rest, char separator)
{
	if (!*rest)
		return NULL;

	const char *end = strchr(*rest, separator);
	const size_t length = end ? (size_t)(end - *rest) : strlen(*rest);
	char *piece = fuzz_string((const uint8_t *)*rest, length);

	*rest = end ? end + 1 : NULL;
	return piece;
}

void fuzz_parameters(const char *query,
    void (*each)(void *context, const char *key, const char *value), void *context)
{
	char *parameter;

	while ((parameter = fuzz_take(&query, '&'))) {
		const char *rest = parameter;
		char *key = fuzz_take(&rest, '=');
		char *value = rest ? fuzz_string((const uint8_t *)rest, strlen(rest)) : NULL;

		each(context, key, value);
		free(value);
		free(key);
		free(parameter);
	}
}

/* By RFC 3629 and not by utf8.c, which is what is tested. Returns the character or -1. */
static long next_character(const unsigned char **at)
{
	static const long lowest[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = *at;
	long character = bytes[0];
	int more = 0;

	if (bytes[0] >= 0xf0 && bytes[0] < 0xf8)
		more = 3;
	else if (bytes[0] >= 0xe0)
		more = 2;
	else if (bytes[0] >= 0xc0)
		more = 1;
	if (bytes[0] >= 0xf8 || (bytes[0] >= 0x80 && bytes[0] < 0xc0))
		return -1;
	if (more)
		character = bytes[0] & (0x3f >> more);
	for (int i = 1; i <= more; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return -1;
		character = character << 6 | (bytes[i] & 0x3f);
	}
	if (character < lowest[more] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return -1;
	*at += more + 1;
	return character;
}

/* What turns or hides the text around it. */
static bool is_misleading(long character)
{
	return character == 0x61c || character == 0x200e || character == 0x200f ||
	       (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069) || character == 0xfeff;
}

static bool is_text(const char *string, bool controls)
{
	const unsigned char *at = (const unsigned char *)string;

	while (*at) {
		const long character = next_character(&at);

		if (character < 0)
			return false;
		if (!controls && (character < 0x20 || (character >= 0x7f && character <= 0x9f)))
			return false;
		if (!controls && is_misleading(character))
			return false;
	}
	return true;
}

bool fuzz_is_utf8(const char *string)
{
	return is_text(string, true);
}

bool fuzz_is_printable(const char *string)
{
	return is_text(string, false);
}

void fuzz_check_socket(const struct socket *socket)
{
	static const uint8_t nothing[12];
	char text[SOCKET_ADDRESS_TEXT];

	FUZZ_CHECK(socket->protocol == SOCKET_TCP || socket->protocol == SOCKET_UDP);
	FUZZ_CHECK(socket->state >= SOCKET_ESTABLISHED && socket->state < SOCKET_STATES);
	FUZZ_CHECK(socket->state != SOCKET_NEW_SYN_RECV);
	FUZZ_CHECK(socket_state_name(socket->state));
	FUZZ_CHECK(socket->family == SOCKET_IPV4 || socket->family == SOCKET_IPV6);
	if (socket->family == SOCKET_IPV4) {
		FUZZ_CHECK(memcmp(socket->local.bytes + 4, nothing, sizeof(nothing)) == 0);
		FUZZ_CHECK(memcmp(socket->remote.bytes + 4, nothing, sizeof(nothing)) == 0);
	}
	socket_address_format(&socket->local, socket->family, socket->interface, text);
	FUZZ_CHECK(fuzz_is_printable(text) && text[0]);
	socket_address_format(&socket->remote, socket->family, socket->interface, text);
	FUZZ_CHECK(fuzz_is_printable(text) && text[0]);
}

int fuzz_message(void *context, const struct nlmsghdr *message)
{
	const struct fuzz_sink *sink = context;
	struct socket socket;

	if (sink->bytes) {
		const size_t start = (size_t)((const char *)message - sink->bytes);

		FUZZ_CHECK(start <= sink->length && message->nlmsg_len <= sink->length - start);
	}

	const int result = inet_diag_decode(sink->listing, message, &socket);

	if (result < 0)
		return result;
	FUZZ_CHECK(socket.protocol == listing_protocol(sink->listing));
	(void)listing_may_have(sink->listing, &socket);
	fuzz_check_socket(&socket);
	return 0;
}
