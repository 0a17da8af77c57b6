// SPDX-License-Identifier: Apache-2.0
/* tls_server_config, of the web configuration. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/access/web_config_reader.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum {
	TLS_CERT,
	TLS_KEY,
	TLS_CLIENT_CA,
	TLS_CERT_FILE,
	TLS_KEY_FILE,
	TLS_CLIENT_CA_FILE,
	TLS_CLIENT_AUTH,
	TLS_ALLOWED_SANS,
	TLS_MIN_VERSION,
	TLS_MAX_VERSION,
	TLS_CIPHERS,
	TLS_PREFER_SERVER,
	TLS_CURVES
};

static const char *const tls_keys[] = {
    [TLS_CERT] = "cert",
    [TLS_KEY] = "key",
    [TLS_CLIENT_CA] = "client_ca",
    [TLS_CERT_FILE] = "cert_file",
    [TLS_KEY_FILE] = "key_file",
    [TLS_CLIENT_CA_FILE] = "client_ca_file",
    [TLS_CLIENT_AUTH] = "client_auth_type",
    [TLS_ALLOWED_SANS] = "client_allowed_sans",
    [TLS_MIN_VERSION] = "min_version",
    [TLS_MAX_VERSION] = "max_version",
    [TLS_CIPHERS] = "cipher_suites",
    [TLS_PREFER_SERVER] = "prefer_server_cipher_suites",
    [TLS_CURVES] = "curve_preferences",
};

static const struct web_word client_auths[] = {
    {"NoClientCert", CLIENT_AUTH_NONE},
    {"RequestClientCert", CLIENT_AUTH_REQUEST},
    {"RequireAnyClientCert", CLIENT_AUTH_REQUIRE_ANY},
    {"RequireClientCert", CLIENT_AUTH_REQUIRE_ANY}, /* of old */
    {"VerifyClientCertIfGiven", CLIENT_AUTH_VERIFY_IF_GIVEN},
    {"RequireAndVerifyClientCert", CLIENT_AUTH_REQUIRE_AND_VERIFY},
};

static const struct web_word tls_versions[] = {
    {"TLS10", TLS_VERSION_1_0},
    {"TLS11", TLS_VERSION_1_1},
    {"TLS12", TLS_VERSION_1_2},
    {"TLS13", TLS_VERSION_1_3},
};

static const char *check_cipher(const char *name)
{
	bool is_tls13;

	return web_config_cipher(name, &is_tls13) ? NULL : "is an unknown cipher suite";
}

static const char *check_curve(const char *name)
{
	return web_config_curve(name) ? NULL : "is an unknown curve";
}

static const char *check_san(const char *name)
{
	return *name ? NULL : "must not be empty";
}

static char *join(const char *directory, const char *path)
{
	char *joined;

	if (path[0] == '/' || strcmp(directory, ".") == 0)
		return strdup(path);
	return asprintf(&joined, "%s/%s", directory, path) < 0 ? NULL : joined;
}

static int read_named_file(struct web_reader *reader, struct web_item item, struct blob *blob)
{
	struct web_config_file file;
	const char *why;
	char *path = join(reader->directory, item.text);

	if (!path)
		return web_reader_no_memory(reader);

	const int result = web_config_file_read(path, blob, &file, &why);

	if (result < 0) {
		if (result == -ENOMEM)
			web_reader_no_memory(reader);
		else
			web_reader_fail(reader, item.line, item.key, "%.150s: %s", path, why);
		free(path);
		return result;
	}
	return web_config_add_file(reader->config, file, path) < 0 ? web_reader_no_memory(reader)
								   : 0;
}

/* Reads one of two keys: the text itself, or the path of a file. */
static int read_content(
    struct web_reader *reader, struct web_item text, struct web_item file, struct blob *blob)
{
	const char *given[2];
	int result = web_reader_text(reader, text, &given[0]);

	if (result == 0)
		result = web_reader_text(reader, file, &given[1]);
	if (result < 0)
		return result;
	if (given[0] && given[1])
		return web_reader_fail(reader, file.line, file.key,
		    "%s is also given, on line %u: remove one of them", text.key, text.line);
	if (given[1])
		return read_named_file(reader, file, blob);
	if (given[0]) {
		blob->data = strdup(given[0]);
		if (!blob->data)
			return web_reader_no_memory(reader);
		blob->length = strlen(given[0]);
	}
	return 0;
}

/* Checks what the keys of TLS mean together. */
static int check_tls(struct web_reader *reader, const struct web_item *found, unsigned line)
{
	const struct web_config_tls *tls = &reader->config->tls;

	if (!tls->certificate.data)
		return web_reader_fail(reader, line, NULL, "cert or cert_file is missing");
	if (!tls->key.data)
		return web_reader_fail(reader, line, NULL, "key or key_file is missing");
	if (tls->client_ca.data && tls->client_auth == CLIENT_AUTH_NONE)
		return web_reader_fail(reader, line, NULL,
		    "with a client CA, client_auth_type must ask for certificates");
	if (!tls->client_ca.data && tls->client_auth == CLIENT_AUTH_REQUIRE_AND_VERIFY)
		return web_reader_fail(reader, found[TLS_CLIENT_AUTH].line, "client_auth_type",
		    "needs client_ca or client_ca_file");
	if (tls->min_version > tls->max_version)
		return web_reader_fail(reader, line, NULL,
		    "min_version must not be above max_version (defaults: TLS12 and TLS13)");
	if (!found[TLS_ALLOWED_SANS].key)
		return 0;

	const unsigned sans_line = found[TLS_ALLOWED_SANS].line;

	if (tls->allowed_sans.length == 0)
		return web_reader_fail(reader, sans_line, "client_allowed_sans",
		    "must not be an empty list: it would refuse every client");
	if (tls->client_auth != CLIENT_AUTH_REQUIRE_ANY &&
	    tls->client_auth != CLIENT_AUTH_REQUIRE_AND_VERIFY)
		return web_reader_fail(reader, sans_line, "client_allowed_sans",
		    "needs client_auth_type RequireAnyClientCert or RequireAndVerifyClientCert");
	return 0;
}

static int read_tls_choices(struct web_reader *reader, const struct web_item *found)
{
	struct web_config_tls *tls = &reader->config->tls;
	const char *client_auth;
	int number = CLIENT_AUTH_NONE;
	int result = web_reader_text(reader, found[TLS_CLIENT_AUTH], &client_auth);

	if (result == 0 && client_auth)
		result = web_reader_word(
		    reader, found[TLS_CLIENT_AUTH], client_auths, LENGTH(client_auths), &number);
	tls->client_auth = (enum client_auth)number;
	number = TLS_VERSION_1_2;
	if (result == 0)
		result = web_reader_word(
		    reader, found[TLS_MIN_VERSION], tls_versions, LENGTH(tls_versions), &number);
	tls->min_version = (enum tls_version)number;
	number = TLS_VERSION_1_3;
	if (result == 0)
		result = web_reader_word(
		    reader, found[TLS_MAX_VERSION], tls_versions, LENGTH(tls_versions), &number);
	tls->max_version = (enum tls_version)number;
	tls->prefer_server_cipher_suites = true;
	if (result == 0)
		result = web_reader_bool(
		    reader, found[TLS_PREFER_SERVER], &tls->prefer_server_cipher_suites);
	if (result == 0)
		result =
		    web_reader_list(reader, found[TLS_CIPHERS], check_cipher, &tls->cipher_suites);
	if (result == 0)
		result = web_reader_list(
		    reader, found[TLS_CURVES], check_curve, &tls->curve_preferences);
	if (result == 0)
		result =
		    web_reader_list(reader, found[TLS_ALLOWED_SANS], check_san, &tls->allowed_sans);
	return result;
}

/* As in exporter-toolkit: keys about certificates switch TLS on, the others do not. */
static bool asks_for_tls(const struct web_item *found)
{
	for (size_t i = TLS_CERT; i <= TLS_CLIENT_AUTH; i++)
		if (found[i].key && found[i].text[0])
			return true;
	return false;
}

int web_config_read_tls(struct web_reader *reader, struct web_item item)
{
	struct web_config_tls *tls = &reader->config->tls;
	struct web_item found[LENGTH(tls_keys)];
	const struct web_section section = {"tls_server_config", tls_keys, found, LENGTH(tls_keys)};
	int result = web_reader_section(reader, item.value, &section);

	if (result == 0)
		result = read_tls_choices(reader, found);
	if (result == 0)
		result =
		    read_content(reader, found[TLS_CERT], found[TLS_CERT_FILE], &tls->certificate);
	if (result == 0)
		result = read_content(reader, found[TLS_KEY], found[TLS_KEY_FILE], &tls->key);
	if (result == 0)
		result = read_content(
		    reader, found[TLS_CLIENT_CA], found[TLS_CLIENT_CA_FILE], &tls->client_ca);
	if (result < 0 || !asks_for_tls(found))
		return result;
	reader->config->has_tls = true;
	return check_tls(reader, found, item.line);
}
