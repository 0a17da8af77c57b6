// SPDX-License-Identifier: Apache-2.0
/* The web configuration, in a directory where no file is. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/access/web_config.h"
#include "fuzz.h"

static bool is_given(const struct blob *blob)
{
	FUZZ_CHECK(!blob->data || blob->data[blob->length] == '\0');
	FUZZ_CHECK(blob->data || blob->length == 0);
	return blob->data && blob->length;
}

static void check_list(const struct strings *strings)
{
	FUZZ_CHECK(strings->length <= 100);
	for (size_t i = 0; i < strings->length; i++)
		FUZZ_CHECK(fuzz_is_utf8(strings->list[i]));
}

static void check_tls(const struct web_config_tls *tls)
{
	FUZZ_CHECK(is_given(&tls->certificate) && is_given(&tls->key));
	FUZZ_CHECK(tls->min_version >= TLS_VERSION_1_0 && tls->min_version <= tls->max_version);
	FUZZ_CHECK(tls->max_version <= TLS_VERSION_1_3);
	FUZZ_CHECK(tls->client_auth <= CLIENT_AUTH_REQUIRE_AND_VERIFY);
	if (is_given(&tls->client_ca))
		FUZZ_CHECK(tls->client_auth != CLIENT_AUTH_NONE);
	if (tls->client_auth == CLIENT_AUTH_REQUIRE_AND_VERIFY)
		FUZZ_CHECK(is_given(&tls->client_ca));
	if (tls->allowed_sans.length)
		FUZZ_CHECK(tls->client_auth == CLIENT_AUTH_REQUIRE_ANY ||
			   tls->client_auth == CLIENT_AUTH_REQUIRE_AND_VERIFY);
}

static void check_tls_lists(const struct web_config_tls *tls)
{
	bool is_tls13;

	check_list(&tls->allowed_sans);
	for (size_t i = 0; i < tls->allowed_sans.length; i++)
		FUZZ_CHECK(tls->allowed_sans.list[i][0]);
	check_list(&tls->cipher_suites);
	for (size_t i = 0; i < tls->cipher_suites.length; i++)
		FUZZ_CHECK(web_config_cipher(tls->cipher_suites.list[i], &is_tls13));
	check_list(&tls->curve_preferences);
	for (size_t i = 0; i < tls->curve_preferences.length; i++)
		FUZZ_CHECK(strncmp(tls->curve_preferences.list[i], "CurveP", 6) == 0 ||
			   strcmp(tls->curve_preferences.list[i], "X25519") == 0);
}

static void check_header(const struct web_config_header *header)
{
	FUZZ_CHECK(strchr(header->name, '-') && header->value[0]);
	for (const char *at = header->value; *at; at++)
		FUZZ_CHECK(*at >= ' ' && *at <= '~');
}

static void check_users(const struct web_config *config)
{
	FUZZ_CHECK(config->users_length <= 1000);
	for (size_t i = 0; i < config->users_length; i++) {
		const struct web_config_user *user = &config->users[i];

		FUZZ_CHECK(user->name[0] && !strchr(user->name, ':'));
		FUZZ_CHECK(fuzz_is_printable(user->name));
		FUZZ_CHECK(
		    strlen(user->hash) == 60 && user->hash[0] == '$' && user->hash[6] == '$');
		if (i)
			FUZZ_CHECK(strcmp(user[-1].name, user->name) < 0);
	}
}

static void check_config(const struct web_config *config)
{
	if (config->has_tls)
		check_tls(&config->tls);
	else
		FUZZ_CHECK(!is_given(&config->tls.certificate) && !is_given(&config->tls.key));
	check_tls_lists(&config->tls);
	FUZZ_CHECK(config->headers_length <= WEB_CONFIG_HEADERS);
	for (size_t i = 0; i < config->headers_length; i++)
		check_header(&config->headers[i]);
	check_users(config);
	check_list(&config->excluded_paths);
	for (size_t i = 0; i < config->excluded_paths.length; i++) {
		FUZZ_CHECK(config->excluded_paths.list[i][0] == '/');
		FUZZ_CHECK(fuzz_is_printable(config->excluded_paths.list[i]));
	}
	FUZZ_CHECK(isfinite(config->rate_interval) && config->rate_interval >= 0);
	FUZZ_CHECK(config->rate_burst <= 1000000000);
	if (config->rate_interval > 0)
		FUZZ_CHECK(config->rate_burst > 0);
	FUZZ_CHECK(config->files_length <= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_bytes(data, size);
	struct web_config *config;
	char error[WEB_CONFIG_ERROR_SIZE];
	const int result = web_config_parse(text, size, "web.yml", "/nonexistent", &config, error);

	free(text);
	if (result == 0) {
		check_config(config);
		web_config_free(config);
		return 0;
	}
	FUZZ_CHECK(result < 0 && result != -ENOMEM);
	FUZZ_CHECK(memchr(error, '\0', sizeof(error)) && fuzz_is_printable(error));
	FUZZ_CHECK(strncmp(error, "web.yml:", 8) == 0 && error[8]);
	return 0;
}
