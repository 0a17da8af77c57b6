// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/credentials.h"

#include <errno.h>
#include <stddef.h>
#include <strings.h>

struct headers {
	const char *value; /* of the last one */
	size_t length;
	size_t count;
};

static enum MHD_Result note_header(void *context, enum MHD_ValueKind kind, const char *name,
    size_t name_length, const char *value, size_t length)
{
	static const char wanted[] = MHD_HTTP_HEADER_AUTHORIZATION;
	struct headers *headers = context;

	(void)kind;
	if (name_length != sizeof(wanted) - 1 || strncasecmp(name, wanted, name_length) != 0)
		return MHD_YES;
	headers->value = value;
	headers->length = length;
	headers->count++;
	return MHD_YES;
}

/*
 * libmicrohttpd has a reader of its own (MHD_basic_auth_get_username_password()). It gives strings,
 * which end at a zero byte in the password, wants the scheme as "Basic", and takes the first of
 * several headers.
 */
int credentials_read(struct MHD_Connection *connection, struct basic_auth *ret_auth)
{
	struct headers headers = {0};

	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, note_header, &headers);
	if (headers.count > 1)
		return -E2BIG;
	if (!headers.value)
		return -EINVAL;
	return basic_auth_read(headers.value, headers.length, ret_auth);
}
