// SPDX-License-Identifier: Apache-2.0
/* What a changed web configuration no longer protects, and what is left of one that was cut. */
#include "exporter/access/web_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "web_configs.h"

#define CIPHERS(name) "cipher_suites: [TLS_" name "_WITH_AES_128_GCM_SHA256]}\n"
#define USERS "basic_auth_users: {a: " HASH "}\n"
#define RATE "rate_limit: {interval: 1s, burst: 5}\n"
#define HEADERS(headers) "http_server_config: {headers: {" headers "}}\n"

static struct web_config *take(const char *text)
{
	if (parse_string(text) != 0)
		fail_msg("%s\nwas refused: %s", text, error);

	struct web_config *taken = config;

	config = NULL;
	return taken;
}

static void assert_loss(const char *before, const char *after, const char *loss)
{
	struct web_config *current = take(before);
	struct web_config *next = take(after);
	const char *found = web_config_loss(current, next);

	if (!found != !loss || (found && strcmp(found, loss) != 0))
		fail_msg("from\n%s\nto\n%s\nsaid %s\nand not %s", before, after, found, loss);
	web_config_free(current);
	web_config_free(next);
}

static const struct {
	const char *before;
	const char *after;
	const char *loss;
} losses[] = {
    {TLS "}", "", "tls_server_config was removed"},
    {TLS "}", "tls_server_config: {min_version: TLS12}", "tls_server_config was removed"},
    {TLS "client_auth_type: RequireAnyClientCert}", TLS "client_auth_type: RequestClientCert}",
	"client_auth_type is weaker"},
    {TLS "client_auth_type: RequireAnyClientCert}", TLS "}", "client_auth_type is weaker"},
    {TLS "client_auth_type: RequireAnyClientCert}",
	TLS "client_auth_type: VerifyClientCertIfGiven}", "client_auth_type is weaker"},
    {TLS "client_auth_type: VerifyClientCertIfGiven}",
	TLS "client_auth_type: RequireAnyClientCert}", "client_auth_type is weaker"},
    {TLS "client_auth_type: VerifyClientCertIfGiven}", TLS "client_auth_type: ''}",
	"client_auth_type is weaker"},
    {TLS "client_ca: a, client_auth_type: RequireAndVerifyClientCert}",
	TLS "client_ca: a, client_auth_type: VerifyClientCertIfGiven}",
	"client_auth_type is weaker"},
    {TLS "client_ca: a, client_auth_type: VerifyClientCertIfGiven}",
	TLS "client_auth_type: VerifyClientCertIfGiven}", "client_ca was removed"},
    {TLS "client_auth_type: RequireAnyClientCert, client_allowed_sans: [a]}",
	TLS "client_auth_type: RequireAnyClientCert}", "client_allowed_sans allows more names"},
    {TLS "client_auth_type: RequireAnyClientCert, client_allowed_sans: [a.example]}",
	TLS "client_auth_type: RequireAnyClientCert, client_allowed_sans: [a.ex]}",
	"client_allowed_sans allows more names"},
    {TLS "}", TLS "min_version: TLS11}", "min_version or max_version is lower"},
    {TLS "min_version: TLS13}", TLS "}", "min_version or max_version is lower"},
    {TLS "}", TLS "max_version: TLS12}", "min_version or max_version is lower"},
    {TLS CIPHERS("ECDHE_RSA"), TLS "}",
	"cipher_suites allows more, or key exchange without forward secrecy"},
    {TLS "}", TLS CIPHERS("RSA"),
	"cipher_suites allows more, or key exchange without forward secrecy"},
    {TLS "curve_preferences: [X25519]}", TLS "}", "curve_preferences was removed"},
    {USERS, "", "basic_auth_users has no users any more"},
    {USERS, "basic_auth_users: {}", "basic_auth_users has no users any more"},
    {USERS, "auth_excluded_paths: [/]", "basic_auth_users has no users any more"},
    {USERS, USERS "auth_excluded_paths: [/]", "auth_excluded_paths has more paths"},
    {USERS "auth_excluded_paths: [/-/ready]", USERS "auth_excluded_paths: [/]",
	"auth_excluded_paths has more paths"},
    {RATE, "", "rate_limit was removed"},
    {RATE, "rate_limit: {interval: 0, burst: 5}", "rate_limit was removed"},
    {HEADERS("X-Frame-Options: deny, X-XSS-Protection: 1"), HEADERS("X-XSS-Protection: 1"),
	"http_server_config has fewer headers"},
    {HEADERS("X-Frame-Options: deny"), HEADERS("X-Frame-Options: ''"),
	"http_server_config has fewer headers"},
    /* No loss */
    {"", "", NULL},
    {TLS "}", TLS "client_auth_type: RequestClientCert}", NULL},
    {TLS "client_auth_type: RequestClientCert}", TLS "}", NULL},
    {TLS "client_auth_type: RequireAnyClientCert}",
	TLS "client_ca: a, client_auth_type: RequireAndVerifyClientCert}", NULL},
    {TLS "client_auth_type: RequireAnyClientCert}",
	TLS "client_auth_type: RequireAnyClientCert, client_allowed_sans: [a, b]}", NULL},
    {TLS "client_auth_type: RequireAnyClientCert, client_allowed_sans: [a, b]}",
	TLS "client_auth_type: RequireAnyClientCert, client_allowed_sans: [b]}", NULL},
    {TLS "min_version: TLS11}", TLS "min_version: TLS13}", NULL},
    {TLS CIPHERS("RSA"), TLS CIPHERS("ECDHE_RSA"), NULL},
    {TLS "}", TLS CIPHERS("ECDHE_RSA"), NULL},
    {TLS "}", "tls_server_config: {cert: other, key: other}", NULL},
    {"", USERS, NULL},
    {"auth_excluded_paths: [/]", USERS "auth_excluded_paths: [/a]", NULL},
    {USERS "auth_excluded_paths: [/, /-/ready]", USERS "auth_excluded_paths: [/]", NULL},
    {"basic_auth_users: {a: " HASH ", b: " HASH "}", "basic_auth_users: {c: " HASH "}", NULL},
    {RATE, "rate_limit: {interval: 1ms, burst: 500}", NULL},
    {HEADERS("X-Frame-Options: deny"), HEADERS("X-Frame-Options: sameorigin"), NULL},
};

static void what_is_lost_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(losses); i++)
		assert_loss(losses[i].before, losses[i].after, losses[i].loss);
}

static const char *const whole_files[] = {
    "tls_server_config:\n"
    "  cert: c\n"
    "  key: k\n"
    "  client_ca: a\n"
    "  client_auth_type: RequireAndVerifyClientCert\n"
    "  client_allowed_sans:\n  - scraper.example.org\n  - 192.0.2.7\n"
    "  min_version: TLS13\n"
    "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"
    "  curve_preferences:\n  - X25519\n"
    "http_server_config:\n"
    "  http2: false\n"
    "  headers:\n"
    "    X-Frame-Options: deny\n"
    "    X-Content-Type-Options: nosniff\n"
    "basic_auth_users:\n"
    "  alice: " HASH "\n"
    "  bob: " HASH "\n"
    "auth_excluded_paths:\n"
    "- /-/healthy\n"
    "- /metrics/more\n"
    "rate_limit:\n"
    "  interval: 10s\n"
    "  burst: 20\n",
    /* The other way round, and in the other style. */
    "---\n"
    "rate_limit: {interval: 10s, burst: 20}\n"
    "auth_excluded_paths: [/-/healthy]\n"
    "basic_auth_users: {alice: " HASH "}\n"
    "http_server_config: {headers: {X-Frame-Options: deny}}\n"
    "tls_server_config: {cert: c, key: k, client_auth_type: RequireAnyClientCert,\n"
    "  client_allowed_sans: [scraper.example.org], cipher_suites: [TLS_AES_128_GCM_SHA256]}\n"
    "...\n",
    "basic_auth_users:\r\n"
    "  \"alice\": '" HASH "'\r\n"
    "# the end\r\n"
    "auth_excluded_paths:\r\n"
    "    - '/-/healthy'\r\n",
    "tls_server_config:\n"
    "  key: |\n    one\n    two\n"
    "  cert: &c >\n    three\n    four\n"
    "  client_ca: *c\n"
    "  client_auth_type: VerifyClientCertIfGiven\n"
    "  prefer_server_cipher_suites: no\n"
    "basic_auth_users:\n"
    "  ? alice\n"
    "  : " HASH "\n",
};

static void assert_excludes_no_more(const struct web_config *whole, const struct web_config *part)
{
	for (size_t i = 0; i < part->excluded_paths.length; i++) {
		bool found = false;

		for (size_t j = 0; j < whole->excluded_paths.length; j++)
			found |= strcmp(whole->excluded_paths.list[j],
				     part->excluded_paths.list[i]) == 0;
		assert_true(found);
	}
}

/* Not by web_config_loss(), so that it is tested here. */
static void assert_protects(const struct web_config *whole, const struct web_config *part)
{
	assert_int_equal(part->has_tls, whole->has_tls);
	assert_int_equal(part->tls.client_auth, whole->tls.client_auth);
	assert_int_equal(!part->tls.client_ca.data, !whole->tls.client_ca.data);
	assert_int_equal(part->tls.allowed_sans.length > 0, whole->tls.allowed_sans.length > 0);
	for (size_t i = 0; i < part->tls.allowed_sans.length; i++)
		assert_string_equal(
		    part->tls.allowed_sans.list[i], whole->tls.allowed_sans.list[i]);
	assert_int_equal(part->tls.min_version, whole->tls.min_version);
	assert_int_equal(part->tls.max_version, whole->tls.max_version);
	assert_int_equal(part->tls.cipher_suites.length, whole->tls.cipher_suites.length);
	assert_int_equal(part->tls.curve_preferences.length, whole->tls.curve_preferences.length);
	assert_int_equal(part->users_length > 0, whole->users_length > 0);
	for (size_t i = 0; i < part->users_length; i++)
		assert_string_equal(part->users[i].hash, whole->users[i].hash);
	assert_excludes_no_more(whole, part);
	assert_int_equal(part->rate_interval > 0, whole->rate_interval > 0);
	assert_int_equal(part->headers_length, whole->headers_length);
}

static void a_file_cut_anywhere_opens_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(whole_files); i++) {
		struct web_config *whole = take(whole_files[i]);
		const size_t length = strlen(whole_files[i]);
		unsigned refused = 0;
		unsigned lost = 0;
		unsigned taken = 0;

		for (size_t cut = 0; cut <= length; cut++) {
			if (parse(whole_files[i], cut) < 0) {
				refused++;
				continue;
			}
			if (web_config_loss(whole, config)) {
				lost++;
			} else {
				assert_protects(whole, config);
				taken++;
			}
			drop();
		}
		/* Each of the three does happen; at least the whole is taken. */
		assert_true(refused > length / 2);
		assert_true(lost > 0);
		assert_true(taken > 0);
		web_config_free(whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_lost_is_named),
	    cmocka_unit_test(a_file_cut_anywhere_opens_nothing),
	};

	return cmocka_run_group_tests_name("web_config_loss", tests, NULL, NULL);
}
