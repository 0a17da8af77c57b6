// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/response.h"

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct shared_response {
	atomic_uint holders;
	struct MHD_Response *response;
};

static bool is_configured(const struct web_config *config, const char *name)
{
	for (size_t i = 0; config && i < config->headers_length; i++)
		if (strcasecmp(config->headers[i].name, name) == 0)
			return true;
	return false;
}

/* Adds the header, unless value is NULL. Sets ok to false if memory runs out. */
static void add(struct MHD_Response *response, bool *ok, const char *name, const char *value)
{
	if (value && MHD_add_response_header(response, name, value) != MHD_YES)
		*ok = false;
}

/* In milliseconds, as W3C's Server Timing has it: "walk;dur=12.3, render;dur=0.4". */
static void add_times(struct MHD_Response *response, bool *ok, const struct answer *answer)
{
	char text[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < ANSWER_TIMES && answer->times[i].name; i++) {
		snprintf(text + used, sizeof(text) - used, "%s%s;dur=%.1f", used ? ", " : "",
		    answer->times[i].name, 1e3 * answer->times[i].seconds);
		used = strlen(text);
	}
	add(response, ok, "Server-Timing", used ? text : NULL);
}

static void add_all(struct MHD_Response *response, bool *ok, const struct answer *answer,
    const struct web_config *config)
{
	add(response, ok, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	add(response, ok, MHD_HTTP_HEADER_VARY, answer->varies ? "Accept, Accept-Encoding" : NULL);
	add(response, ok, MHD_HTTP_HEADER_CONTENT_ENCODING, answer->gzip ? "gzip" : NULL);
	add(response, ok, MHD_HTTP_HEADER_CACHE_CONTROL, answer->no_store ? "no-store" : NULL);
	add(response, ok, MHD_HTTP_HEADER_RETRY_AFTER, answer->retry ? "1" : NULL);
	add(response, ok, MHD_HTTP_HEADER_ALLOW, answer->allow);
	add(response, ok, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
	    answer->authenticate ? "Basic realm=\"ephemera\", charset=\"UTF-8\"" : NULL);
	add_times(response, ok, answer);
	for (size_t i = 0; config && i < config->headers_length; i++)
		add(response, ok, config->headers[i].name, config->headers[i].value);
	/* Headers of the web configuration replace ours. */
	if (!is_configured(config, "X-Content-Type-Options"))
		add(response, ok, "X-Content-Type-Options", "nosniff");
	if (!is_configured(config, "Content-Security-Policy"))
		add(response, ok, "Content-Security-Policy", answer->policy);
}

struct MHD_Response *response_make(struct answer *answer, const struct web_config *config)
{
	struct MHD_Response *response =
	    answer->body ? MHD_create_response_from_buffer(answer->length, (char *)answer->body,
			       answer->is_static ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE)
			 : NULL;
	bool ok = true;

	if (!response) {
		answer_release(answer);
		return NULL;
	}
	add_all(response, &ok, answer, config);
	if (ok)
		return response;
	MHD_destroy_response(response);
	return NULL;
}

struct shared_response *response_share(struct answer *answer, const struct web_config *config)
{
	struct MHD_Response *response = response_make(answer, config);
	struct shared_response *shared = response ? malloc(sizeof(*shared)) : NULL;

	if (!shared) {
		if (response)
			MHD_destroy_response(response);
		return NULL;
	}
	atomic_init(&shared->holders, 1);
	shared->response = response;
	return shared;
}

struct MHD_Response *response_of(const struct shared_response *shared)
{
	return shared->response;
}

void response_release(struct shared_response *shared)
{
	if (!shared || atomic_fetch_sub(&shared->holders, 1) > 1)
		return;
	MHD_destroy_response(shared->response);
	free(shared);
}

void response_cache_clear(struct response_cache *cache)
{
	for (size_t i = 0; i < cache->length; i++)
		response_release(cache->cached[i].shared);
	cache->length = 0;
}

struct shared_response *response_cache_find(struct response_cache *cache, unsigned long serial,
    const struct route *route, const struct web_config *config)
{
	if (cache->serial != serial)
		response_cache_clear(cache);
	for (size_t i = 0; i < cache->length; i++) {
		const struct cached_response *cached = &cache->cached[i];

		if (cached->config == config && route_is_same(&cached->route, route)) {
			atomic_fetch_add(&cached->shared->holders, 1);
			return cached->shared;
		}
	}
	return NULL;
}

void response_cache_add(struct response_cache *cache, unsigned long serial,
    const struct route *route, const struct web_config *config, struct shared_response *shared)
{
	if (cache->serial != serial || cache->length == CACHED_RESPONSES)
		response_cache_clear(cache);
	atomic_fetch_add(&shared->holders, 1);
	cache->serial = serial;
	cache->cached[cache->length++] = (struct cached_response){*route, config, shared};
}
