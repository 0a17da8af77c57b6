// SPDX-License-Identifier: Apache-2.0
/* What a changed web configuration would no longer refuse. */
#include <string.h>

#include "exporter/access/web_config.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool has(const struct strings *strings, const char *wanted)
{
	for (size_t i = 0; i < strings->length; i++)
		if (strcmp(strings->list[i], wanted) == 0)
			return true;
	return false;
}

/* Whether next has an entry that current has not. */
static bool has_more(const struct strings *current, const struct strings *next)
{
	for (size_t i = 0; i < next->length; i++)
		if (!has(current, next->list[i]))
			return true;
	return false;
}

static bool is_removed(const struct strings *current, const struct strings *next)
{
	return current->length && !next->length;
}

static bool loses_tls(const struct web_config *current, const struct web_config *next)
{
	return current->has_tls && !next->has_tls;
}

bool web_config_requires_certificate(const struct web_config *config)
{
	return config->tls.client_auth == CLIENT_AUTH_REQUIRE_ANY ||
	       config->tls.client_auth == CLIENT_AUTH_REQUIRE_AND_VERIFY;
}

static bool verifies_certificate(const struct web_config *config)
{
	return config->tls.client_auth == CLIENT_AUTH_VERIFY_IF_GIVEN ||
	       config->tls.client_auth == CLIENT_AUTH_REQUIRE_AND_VERIFY;
}

/* The kinds have no order: one can require a certificate, and another verify what is given. */
static bool weakens_client_auth(const struct web_config *current, const struct web_config *next)
{
	return (web_config_requires_certificate(current) &&
		   !web_config_requires_certificate(next)) ||
	       (verifies_certificate(current) && !verifies_certificate(next));
}

static bool loses_client_ca(const struct web_config *current, const struct web_config *next)
{
	return current->tls.client_ca.data && !next->tls.client_ca.data;
}

static bool widens_sans(const struct web_config *current, const struct web_config *next)
{
	const struct strings *names = &current->tls.allowed_sans;

	return is_removed(names, &next->tls.allowed_sans) ||
	       (names->length && has_more(names, &next->tls.allowed_sans));
}

static bool lowers_versions(const struct web_config *current, const struct web_config *next)
{
	return next->tls.min_version < current->tls.min_version ||
	       next->tls.max_version < current->tls.max_version;
}

static bool lacks_forward_secrecy(const struct strings *suites)
{
	for (size_t i = 0; i < suites->length; i++)
		if (strncmp(suites->list[i], "TLS_RSA_", strlen("TLS_RSA_")) == 0)
			return true;
	return false;
}

static bool widens_ciphers(const struct web_config *current, const struct web_config *next)
{
	const struct strings *suites = &current->tls.cipher_suites;

	return is_removed(suites, &next->tls.cipher_suites) ||
	       (!lacks_forward_secrecy(suites) && lacks_forward_secrecy(&next->tls.cipher_suites));
}

static bool loses_curves(const struct web_config *current, const struct web_config *next)
{
	return is_removed(&current->tls.curve_preferences, &next->tls.curve_preferences);
}

static bool loses_users(const struct web_config *current, const struct web_config *next)
{
	return current->users_length && !next->users_length;
}

static bool widens_excluded(const struct web_config *current, const struct web_config *next)
{
	return current->users_length && has_more(&current->excluded_paths, &next->excluded_paths);
}

static bool loses_rate_limit(const struct web_config *current, const struct web_config *next)
{
	return current->rate_interval > 0 && !(next->rate_interval > 0);
}

static bool has_header(const struct web_config *config, const char *name)
{
	for (size_t i = 0; i < config->headers_length; i++)
		if (strcmp(config->headers[i].name, name) == 0)
			return true;
	return false;
}

static bool loses_header(const struct web_config *current, const struct web_config *next)
{
	for (size_t i = 0; i < current->headers_length; i++)
		if (!has_header(next, current->headers[i].name))
			return true;
	return false;
}

static const struct loss {
	const char *what;
	bool (*is_lost)(const struct web_config *current, const struct web_config *next);
} losses[] = {
    /* In this order: a file without TLS has none of what follows either. */
    {"tls_server_config was removed", loses_tls},
    {"client_auth_type is weaker", weakens_client_auth},
    {"client_ca was removed", loses_client_ca},
    {"client_allowed_sans allows more names", widens_sans},
    {"min_version or max_version is lower", lowers_versions},
    {"cipher_suites allows more, or key exchange without forward secrecy", widens_ciphers},
    {"curve_preferences was removed", loses_curves},
    {"basic_auth_users has no users any more", loses_users},
    {"auth_excluded_paths has more paths", widens_excluded},
    {"rate_limit was removed", loses_rate_limit},
    {"http_server_config has fewer headers", loses_header},
};

const char *web_config_loss(const struct web_config *current, const struct web_config *next)
{
	for (size_t i = 0; i < LENGTH(losses); i++)
		if (losses[i].is_lost(current, next))
			return losses[i].what;
	return NULL;
}
