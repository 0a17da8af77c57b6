// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_WRAPPER 16 /* added to the window's bits: a gzip header, not zlib's */
#define WINDOW_BITS 15
/* Metrics repeat themselves so much that a level above the fastest gains little. */
#define LEVEL 1

int gzip_text(struct text *text)
{
	z_stream stream = {0};

	if (text->length > UINT_MAX / 2)
		return -ENOMEM;
	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_BITS + GZIP_WRAPPER, 8,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;

	const size_t bound = deflateBound(&stream, text->length);
	unsigned char *bytes = malloc(bound);

	if (!bytes) {
		deflateEnd(&stream);
		return -ENOMEM;
	}
	stream.next_in = (unsigned char *)text->data;
	stream.avail_in = (unsigned)text->length;
	stream.next_out = bytes;
	stream.avail_out = (unsigned)bound;

	const int result = deflate(&stream, Z_FINISH);
	const size_t length = stream.total_out;

	deflateEnd(&stream);
	if (result != Z_STREAM_END) {
		free(bytes);
		return -ENOMEM;
	}
	free(text->data);
	*text = (struct text){.data = (char *)bytes, .length = length, .capacity = bound};
	return 0;
}
