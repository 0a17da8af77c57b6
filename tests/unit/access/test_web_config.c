// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "web_configs.h"

/* What came out, in one line. */

struct dump {
	char text[4096];
	size_t length;
};

static void add(struct dump *dump, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct dump *dump, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	dump->length += (size_t)vsnprintf(
	    dump->text + dump->length, sizeof(dump->text) - dump->length, format, arguments);
	va_end(arguments);
	assert_true(dump->length < sizeof(dump->text));
}

static void add_strings(struct dump *dump, const char *name, const struct strings *strings)
{
	for (size_t i = 0; i < strings->length; i++)
		add(dump, "%s%s", i ? "," : name, strings->list[i]);
}

static void add_blob(struct dump *dump, const char *name, const struct blob *blob)
{
	if (!blob->data)
		return;
	assert_int_equal(blob->data[blob->length], '\0');
	assert_int_equal(strlen(blob->data), blob->length);
	add(dump, "%s%s", name, blob->data);
}

static const char *dump_config(void)
{
	static struct dump dump;
	const struct web_config_tls *tls = &config->tls;

	dump.length = 0;
	dump.text[0] = '\0';
	if (config->has_tls) {
		add(&dump, "tls %d-%d auth %d", tls->min_version, tls->max_version,
		    tls->client_auth);
		add_blob(&dump, " cert ", &tls->certificate);
		add_blob(&dump, " key ", &tls->key);
		add_blob(&dump, " ca ", &tls->client_ca);
		add_strings(&dump, " sans ", &tls->allowed_sans);
		add_strings(&dump, " ciphers ", &tls->cipher_suites);
		add_strings(&dump, " curves ", &tls->curve_preferences);
		add(&dump, "%s;", tls->prefer_server_cipher_suites ? "" : " client's order");
	}
	if (config->http2_given)
		add(&dump, "http2;");
	for (size_t i = 0; i < config->headers_length; i++)
		add(&dump, "%s: %s;", config->headers[i].name, config->headers[i].value);
	for (size_t i = 0; i < config->users_length; i++)
		add(&dump, "%s=%s;", config->users[i].name, config->users[i].hash);
	add_strings(&dump, "excluded ", &config->excluded_paths);
	if (config->rate_interval > 0 || config->rate_burst)
		add(&dump, "rate %.12g %lu;", config->rate_interval, config->rate_burst);
	return dump.text;
}

struct right {
	const char *text;
	const char *dump;
};

#define PLAIN_TLS "tls 2-3 auth 0 cert c key k;"

static const struct right rights[] = {
    {"", ""},
    {"\n# nothing\n", ""},
    {"---\n", ""},
    {"--- ~\n...\n", ""},
    {"null", ""},
    {"{}", ""},
    {"%YAML 1.1\n---\n{}\n", ""},
    {"\xef\xbb\xbf{}", ""},
    {"tls_server_config: {}\nhttp_server_config: {}\nbasic_auth_users: {}\n"
     "auth_excluded_paths: []\nrate_limit: {}\n",
	""},
    /* TLS; without anything about certificates it is off, as it is to the toolkit */
    {"tls_server_config: {cert: c, key: k}", PLAIN_TLS},
    {"tls_server_config:\n  cert: |\n    one\n    two\n  key: >\n    three\n    four\n",
	"tls 2-3 auth 0 cert one\ntwo\n key three four\n;"},
    {"tls_server_config: {cert: 'c', key: \"k\\u00e4\\n\"}",
	"tls 2-3 auth 0 cert c key k\xc3\xa4\n;"},
    {"tls_server_config: {cert: 12, key: yes}", "tls 2-3 auth 0 cert 12 key yes;"},
    {"tls_server_config: {cert: !!str ~, key: '~'}", "tls 2-3 auth 0 cert ~ key ~;"},
    {TLS "cert_file: '', key_file: '', client_ca: \"\", client_ca_file: ''}", PLAIN_TLS},
    {"tls_server_config: {min_version: TLS13}", ""},
    {"tls_server_config: {client_allowed_sans: [a]}", ""},
    {"tls_server_config: {cert: '', key: '', client_auth_type: ''}", ""},
    {TLS "min_version: TLS10, max_version: TLS11}", "tls 0-1 auth 0 cert c key k;"},
    {TLS "min_version: TLS12, max_version: TLS12}", "tls 2-2 auth 0 cert c key k;"},
    {TLS "min_version: TLS13}", "tls 3-3 auth 0 cert c key k;"},
    {TLS "client_auth_type: NoClientCert}", PLAIN_TLS},
    {TLS "client_auth_type: ''}", PLAIN_TLS},
    {TLS "client_auth_type: RequestClientCert}", "tls 2-3 auth 1 cert c key k;"},
    {TLS "client_auth_type: RequestClientCert, client_ca: a}", "tls 2-3 auth 1 cert c key k ca a;"},
    {TLS "client_auth_type: RequireAnyClientCert}", "tls 2-3 auth 2 cert c key k;"},
    {TLS "client_auth_type: RequireClientCert}", "tls 2-3 auth 2 cert c key k;"},
    {TLS "client_auth_type: VerifyClientCertIfGiven}", "tls 2-3 auth 3 cert c key k;"},
    {TLS "client_auth_type: RequireAndVerifyClientCert, client_ca: a}",
	"tls 2-3 auth 4 cert c key k ca a;"},
    {TLS "client_auth_type: RequireAnyClientCert, client_allowed_sans: [b, 'a']}",
	"tls 2-3 auth 2 cert c key k sans b,a;"},
    {TLS "cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256]}",
	"tls 2-3 auth 0 cert c key k ciphers TLS_RSA_WITH_AES_128_CBC_SHA,TLS_AES_128_GCM_SHA256;"},
    {TLS "cipher_suites: [], curve_preferences: []}", PLAIN_TLS},
    {TLS "curve_preferences: [X25519, CurveP256, CurveP384, CurveP521]}",
	"tls 2-3 auth 0 cert c key k curves X25519,CurveP256,CurveP384,CurveP521;"},
    {TLS "prefer_server_cipher_suites: false}", "tls 2-3 auth 0 cert c key k client's order;"},
    {TLS "prefer_server_cipher_suites: off}", "tls 2-3 auth 0 cert c key k client's order;"},
    {TLS "prefer_server_cipher_suites: YES}", PLAIN_TLS},
    /* HTTP */
    {"http_server_config: {http2: true}", "http2;"},
    {"http_server_config: {http2: n}", "http2;"},
    {"http_server_config: {headers: {}}", ""},
    {"http_server_config:\n  headers:\n    X-XSS-Protection: 1\n    X-Frame-Options: deny\n"
     "    Strict-Transport-Security: max-age=31536000; includeSubDomains\n"
     "    X-Content-Type-Options: nosniff\n"
     "    Content-Security-Policy: \"default-src 'self' *.example.net\"\n",
	"Content-Security-Policy: default-src 'self' *.example.net;X-Frame-Options: deny;"
	"X-Content-Type-Options: nosniff;X-XSS-Protection: 1;"
	"Strict-Transport-Security: max-age=31536000; includeSubDomains;"},
    {"http_server_config: {headers: {X-Frame-Options: sameorigin}}",
	"X-Frame-Options: sameorigin;"},
    {"http_server_config: {headers: {X-Frame-Options: '', X-XSS-Protection: ''}}", ""},
    /* Users */
    {"basic_auth_users: {bob: " HASH ", alice: '$2b$04$" SALT HASHED
     "', \xc3\xa4: $2a$16$" SALT HASHED "}",
	"alice=$2b$04$" SALT HASHED ";bob=" HASH ";\xc3\xa4=$2a$16$" SALT HASHED ";"},
    {"basic_auth_users:\n  ? 12\n  : " HASH "\n  yes: " HASH "\n", "12=" HASH ";yes=" HASH ";"},
    {"basic_auth_users: {a: !!str " HASH ", !!str b: ! " HASH "}", "a=" HASH ";b=" HASH ";"},
    /* Aliases */
    {"basic_auth_users: {a: &h " HASH ", b: *h}", "a=" HASH ";b=" HASH ";"},
    {"basic_auth_users: {&n a: " HASH "}\ntls_server_config: {cert: *n, key: *n}",
	"tls 2-3 auth 0 cert a key a;a=" HASH ";"},
    {"auth_excluded_paths: [&p /a, &p /b, *p]", "excluded /a,/b,/b"}, /* the last one counts */
    /* Paths, rates */
    {"auth_excluded_paths: [/metrics, '/', \"/-/healthy\"]", "excluded /metrics,/,/-/healthy"},
    {"auth_excluded_paths:\n- /metrics\n", "excluded /metrics"},
    {"rate_limit: {interval: 1s, burst: 20}", "rate 1 20;"},
    {"rate_limit: {interval: '1m30s', burst: +3}", "rate 90 3;"},
    {"rate_limit: {interval: 500ms, burst: 0x10}", "rate 0.5 16;"},
    {"rate_limit: {interval: 1.5h0.5m, burst: 010}", "rate 5430 8;"},
    {"rate_limit: {interval: .5s, burst: 0b11}", "rate 0.5 3;"},
    {"rate_limit: {interval: 2.s, burst: 0o17}", "rate 2 15;"},
    {"rate_limit: {interval: 250us, burst: 1_000}", "rate 0.00025 1000;"},
    {"rate_limit: {interval: 250\xc2\xb5s, burst: 1}", "rate 0.00025 1;"},
    {"rate_limit: {interval: 250\xce\xbcs, burst: 1}", "rate 0.00025 1;"},
    {"rate_limit: {interval: 100ns, burst: 1000000000}", "rate 1e-07 1000000000;"},
    {"rate_limit: {interval: +1s, burst: 1}", "rate 1 1;"},
    {"rate_limit: {interval: 0.1ns, burst: 0}", ""},
    {"rate_limit: {interval: 0, burst: 5}", "rate 0 5;"},
    {"rate_limit: {interval: 0s}", ""},
    {"rate_limit: {interval: 2562047h, burst: 1}", "rate 9223369200 1;"},
};

static void what_is_right_comes_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(rights); i++) {
		if (parse_string(rights[i].text) != 0)
			fail_msg("%s\nwas refused: %s", rights[i].text, error);
		assert_int_equal(config->files_length, 0);
		if (strcmp(dump_config(), rights[i].dump) != 0)
			fail_msg("%s\ncame out as %s\nand not as   %s", rights[i].text,
			    dump_config(), rights[i].dump);
		drop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_right_comes_out),
	};

	return cmocka_run_group_tests_name("web_config", tests, NULL, NULL);
}
