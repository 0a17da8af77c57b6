// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/gzip.h"
#include "exporter/base/json.h"
#include "exporter/base/text.h"

#define ERROR_SIZE 512
#define TEXT_TYPE "text/plain; charset=utf-8"

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Service Unavailable";
	}
}

void answer_release(struct answer *answer)
{
	if (!answer->is_static)
		free((char *)answer->body);
	answer->body = NULL;
}

struct answer answer_text(const char *text)
{
	return (struct answer){
	    .status = 200,
	    .type = TEXT_TYPE,
	    .body = text,
	    .length = strlen(text),
	    .is_static = true,
	};
}

struct answer answer_json(char *text)
{
	struct answer answer = {.status = 200, .type = "application/json", .no_store = true};

	answer.body = text;
	answer.length = text ? strlen(text) : 0;
	return answer;
}

static struct answer error_json(unsigned status, const char *why)
{
	struct json *root = json_new_object();

	json_add_number(root, "status", status);
	json_add_string(root, "error", why);

	struct answer answer = answer_json(json_print(root));

	json_free(root);
	answer.status = status;
	return answer;
}

struct answer answer_error(bool json, unsigned status, const char *format, ...)
{
	struct answer answer = {.status = status, .type = TEXT_TYPE};
	char why[ERROR_SIZE];
	char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	text_make_printable(why);
	if (json)
		return error_json(status, why);

	const int length = asprintf(&text, "%u %s: %s\n", status, reason_of(status), why);

	if (length < 0)
		return answer;
	answer.body = text;
	answer.length = (size_t)length;
	return answer;
}

struct answer answer_failure(bool json, int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return answer_unavailable(json, "it took longer than the client's timeout");
	case -ESHUTDOWN:
		return answer_unavailable(json, "the exporter is shutting down");
	case -ENOMEM:
		return answer_unavailable(json, "out of memory");
	default:
		return answer_unavailable(json, strerrordesc_np(-error));
	}
}

void answer_compress(struct answer *answer, bool gzip)
{
	struct text text = {(char *)answer->body, answer->length, answer->length, 0};

	answer->varies = true;
	if (!gzip || !answer->body || answer->is_static)
		return;
	if (gzip_text(&text) < 0) {
		free(text.data);
		answer->body = NULL;
		return;
	}
	answer->body = text.data;
	answer->length = text.length;
	answer->gzip = true;
}

struct answer answer_unavailable(bool json, const char *why)
{
	struct answer answer = answer_error(json, 503, "%s", why);

	answer.retry = true;
	return answer;
}
