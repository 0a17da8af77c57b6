// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

#define TLS "tls_server_config: {cert: c, key: k, "
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

struct wrong {
	const char *text;
	const char *error; /* behind "web.yml:" */
};

#define HEADERS "http_server_config:\n  headers:\n    "
#define NO_VALUE ": has no value: give it one, or remove the key"
#define BAD_HASH                                                                                 \
	"2: basic_auth_users: a: not a whole bcrypt hash: after the cost, two digits and $, it " \
	"must have 53 of ./A-Za-z0-9"
#define NO_HASH "2: basic_auth_users: a: not a bcrypt hash: it must begin with $2a$, $2b$ or $2y$"
#define BAD_COST(cost)                                                            \
	"2: basic_auth_users: a: the bcrypt cost must be from 4 to 16, not " cost \
	"; above that each check takes seconds"

static const struct wrong wrongs[] = {
    /* YAML */
    {"a: [", "2: not valid YAML: did not find expected node content"},
    {"a: b\n\tc: d\n", "2: not valid YAML: found a tab character that violates indentation"},
    {"{}\n\x01", "2: not valid YAML: control characters are not allowed"},
    {"{}\n\xff", "2: not valid YAML: invalid leading UTF-8 octet"},
    {"\xff\xfe{\0}\0", "1: must be UTF-8, not UTF-16"},
    {"text", "1: expected a mapping, got text"},
    {"''", "1: expected a mapping, got text"},
    {"\n- list\n", "2: expected a mapping, got a list"},
    {"{}\n---\n{}\n", "2: only one document is allowed"},
    {"\n\na: b\n", "3: unknown key \"a\""},
    {"Tls_server_config: {}", "1: unknown key \"Tls_server_config\""},
    {"'': x", "1: unknown key \"\""},
    {"\"a\\e[31m\\x85\": x", "1: unknown key \"a?[31m??\""},
    {"? [a]\n: b\n", "1: a key must be text, not a list or a mapping"},
    {"a: b\n{c: d}: e\n", "2: a key must be text, not a list or a mapping"},
    {"rate_limit:\nhttp_server_config:\nrate_limit:\n",
	"3: \"rate_limit\" is given twice; first on line 1"},
    {"a: &a x\n*a : y\nx: z\n", "3: \"x\" is given twice; first on line 1"},
    {"rate_limit:\n  <<: {burst: 1}\n", "2: merge keys (\"<<\") are not supported"},
    {"a: *b\n", "1: there is no anchor \"b\""},
    {"a: &b\n  - *b\n", "2: the alias \"b\" stands within its own anchor"},
    {"a: !x b\n", "1: the tag \"!x\" is not supported here"},
    {"a:\n  !!binary YQ==\n", "2: the tag \"tag:yaml.org,2002:binary\" is not supported here"},
    {"a: !!map [b]\n", "1: the tag \"tag:yaml.org,2002:map\" is not supported here"},
    {"a: \"x\\0y\"\n", "1: text must not contain a zero byte"},
    {"a: [[[[[[[[[x]]]]]]]]]", "1: unknown key \"a\""},
    {"a:\n  [[[[[[[[[[x]]]]]]]]]]", "2: nested deeper than 10 levels"},
    /* Keys without a value, as where a file was cut */
    {"\ntls_server_config:\n", "2: tls_server_config" NO_VALUE},
    {"http_server_config: ~\n", "1: http_server_config" NO_VALUE},
    {"basic_auth_users:", "1: basic_auth_users" NO_VALUE},
    {"basic_auth_users: # nobody\n", "1: basic_auth_users" NO_VALUE},
    {"auth_excluded_paths: null\n", "1: auth_excluded_paths" NO_VALUE},
    {"rate_limit: NULL\n", "1: rate_limit" NO_VALUE},
    {"tls_server_config:\n  cert: c\n  key:\n", "3: tls_server_config: key" NO_VALUE},
    {TLS "\n  client_auth_type: }\n", "2: tls_server_config: client_auth_type" NO_VALUE},
    {TLS "\n  client_allowed_sans: Null}\n", "2: tls_server_config: client_allowed_sans" NO_VALUE},
    {TLS "\n  min_version: ~}\n", "2: tls_server_config: min_version" NO_VALUE},
    {TLS "\n  cipher_suites: }\n", "2: tls_server_config: cipher_suites" NO_VALUE},
    {"http_server_config:\n  http2:\n", "2: http_server_config: http2" NO_VALUE},
    {"http_server_config:\n  headers:\n", "2: http_server_config: headers" NO_VALUE},
    {HEADERS "X-Frame-Options:\n", "3: http_server_config: headers: X-Frame-Options" NO_VALUE},
    {"rate_limit:\n  burst: 1\n  interval:\n", "3: rate_limit: interval" NO_VALUE},
    /* Sections of the wrong kind */
    {"tls_server_config: 5\n", "1: tls_server_config: expected a mapping, got text"},
    {"tls_server_config: ''\n", "1: tls_server_config: expected a mapping, got text"},
    {"http_server_config: []\n", "1: http_server_config: expected a mapping, got a list"},
    {"http_server_config:\n  headers: []\n",
	"2: http_server_config: headers: expected a mapping, got a list"},
    {"basic_auth_users: []\n",
	"1: basic_auth_users: expected a mapping of names to bcrypt hashes, got a list"},
    {"auth_excluded_paths: /a\n", "1: auth_excluded_paths: expected a list, got text"},
    {"rate_limit: 1s\n", "1: rate_limit: expected a mapping, got text"},
    /* TLS */
    {"tls_server_config:\n  cert_fil: x\n", "2: tls_server_config: unknown key \"cert_fil\""},
    {"tls_server_config:\n  cert: [c]\n", "2: tls_server_config: cert: expected text, got a list"},
    {"tls_server_config:\n  cert_file: {c: d}\n",
	"2: tls_server_config: cert_file: expected text, got a mapping"},
    {"tls_server_config:\n  cert: c\n", "1: tls_server_config: key or key_file is missing"},
    {"tls_server_config:\n  key: k\n", "1: tls_server_config: cert or cert_file is missing"},
    {"tls_server_config:\n  cert: c\n  key: ''\n",
	"1: tls_server_config: key or key_file is missing"},
    {"tls_server_config:\n  client_auth_type: NoClientCert\n",
	"1: tls_server_config: cert or cert_file is missing"},
    {"tls_server_config:\n  client_ca: c\n", "1: tls_server_config: cert or cert_file is missing"},
    {"tls_server_config:\n  key: k\n  cert_file: f\n  cert: c\n",
	"3: tls_server_config: cert_file: cert is also given, on line 4: remove one of them"},
    {"tls_server_config:\n  cert: c\n  key: k\n  key_file: f\n",
	"4: tls_server_config: key_file: key is also given, on line 3: remove one of them"},
    {TLS "\n  client_ca: c,\n client_ca_file: f}\n",
	"3: tls_server_config: client_ca_file: client_ca is also given, on line 2: remove one of "
	"them"},
    {TLS "\n  client_auth_type: Require}\n",
	"2: tls_server_config: client_auth_type: unknown value \"Require\""},
    {TLS "\n  client_auth_type: noclientcert}\n",
	"2: tls_server_config: client_auth_type: unknown value \"noclientcert\""},
    {TLS "\n  client_ca: a}\n",
	"1: tls_server_config: with a client CA, client_auth_type must ask for certificates"},
    {TLS "\n  client_ca: a, client_auth_type: NoClientCert}\n",
	"1: tls_server_config: with a client CA, client_auth_type must ask for certificates"},
    {TLS "\n  client_auth_type: RequireAndVerifyClientCert}\n",
	"2: tls_server_config: client_auth_type: needs client_ca or client_ca_file"},
    {TLS "\n  client_allowed_sans: [a]}\n",
	"2: tls_server_config: client_allowed_sans: needs client_auth_type RequireAnyClientCert or "
	"RequireAndVerifyClientCert"},
    {TLS "client_auth_type: VerifyClientCertIfGiven,\n  client_allowed_sans: [a]}\n",
	"2: tls_server_config: client_allowed_sans: needs client_auth_type RequireAnyClientCert or "
	"RequireAndVerifyClientCert"},
    {TLS "client_auth_type: RequireAnyClientCert,\n  client_allowed_sans: []}\n",
	"2: tls_server_config: client_allowed_sans: must not be an empty list: it would refuse "
	"every client"},
    {TLS "client_allowed_sans: [a,\n '']}\n",
	"2: tls_server_config: client_allowed_sans: \"\" must not be empty"},
    {TLS "client_allowed_sans: [a,\n [b]]}\n",
	"2: tls_server_config: client_allowed_sans: each entry must be text, not a list"},
    {TLS "\n  min_version: TLS14}\n", "2: tls_server_config: min_version: unknown value \"TLS14\""},
    {TLS "\n  max_version: tls13}\n", "2: tls_server_config: max_version: unknown value \"tls13\""},
    {TLS "\n  min_version: ''}\n", "2: tls_server_config: min_version: unknown value \"\""},
    {TLS "\n  min_version: 1.2}\n", "2: tls_server_config: min_version: unknown value \"1.2\""},
    {TLS "\n  min_version: [TLS12]}\n",
	"2: tls_server_config: min_version: expected text, got a list"},
    {TLS "\n  max_version: TLS11}\n", "1: tls_server_config: min_version must not be above "
				      "max_version (defaults: TLS12 and TLS13)"},
    {TLS "min_version: TLS13, max_version: TLS12}\n",
	"1: tls_server_config: min_version must not be above max_version (defaults: TLS12 and "
	"TLS13)"},
    {TLS "\n  cipher_suites: TLS_AES_128_GCM_SHA256}\n",
	"2: tls_server_config: cipher_suites: expected a list, got text"},
    {TLS "cipher_suites: [TLS_AES_128_GCM_SHA256,\n TLS_RSA_WITH_RC4_128_SHA]}\n",
	"2: tls_server_config: cipher_suites: \"TLS_RSA_WITH_RC4_128_SHA\" is an unknown cipher "
	"suite"},
    {TLS "cipher_suites: [\n TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256]}\n",
	"2: tls_server_config: cipher_suites: \"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256\" is an "
	"unknown cipher suite"},
    {TLS "cipher_suites: [~]}\n",
	"1: tls_server_config: cipher_suites: each entry must be text, not nothing"},
    {TLS "curve_preferences: [CurveP224]}\n",
	"1: tls_server_config: curve_preferences: \"CurveP224\" is an unknown curve"},
    {TLS "\n  prefer_server_cipher_suites: 1}\n",
	"2: tls_server_config: prefer_server_cipher_suites: must be true or false, not \"1\""},
    {TLS "\n  prefer_server_cipher_suites: tRue}\n",
	"2: tls_server_config: prefer_server_cipher_suites: must be true or false, not \"tRue\""},
    {TLS "\n  prefer_server_cipher_suites: []}\n",
	"2: tls_server_config: prefer_server_cipher_suites: expected true or false, got a list"},
    /* HTTP */
    {"http_server_config:\n  http2: 'yes'\n",
	"2: http_server_config: http2: must be true or false, not \"yes\" in quotation marks"},
    {"http_server_config:\n  http3: yes\n", "2: http_server_config: unknown key \"http3\""},
    {HEADERS "Server: x\n", "3: http_server_config: headers: unknown key \"Server\""},
    {HEADERS "x-frame-options: deny\n",
	"3: http_server_config: headers: unknown key \"x-frame-options\""},
    {HEADERS "X-Frame-Options: DENY\n", "3: http_server_config: headers: X-Frame-Options: must be "
					"deny, sameorigin or empty, not \"DENY\""},
    {HEADERS "X-Content-Type-Options: sniff\n",
	"3: http_server_config: headers: X-Content-Type-Options: must be nosniff or empty, not "
	"\"sniff\""},
    {HEADERS "X-XSS-Protection: [1]\n",
	"3: http_server_config: headers: X-XSS-Protection: expected text, got a list"},
    {HEADERS "X-XSS-Protection: \"1\\r\\nSet-Cookie: a\"\n",
	"3: http_server_config: headers: X-XSS-Protection: must be one line of printable ASCII"},
    {HEADERS "X-XSS-Protection: \"\\x7f\"\n",
	"3: http_server_config: headers: X-XSS-Protection: must be one line of printable ASCII"},
    {HEADERS "X-XSS-Protection: \"\\t\"\n",
	"3: http_server_config: headers: X-XSS-Protection: must be one line of printable ASCII"},
    {HEADERS "X-XSS-Protection: \xc3\xa4\n",
	"3: http_server_config: headers: X-XSS-Protection: must be one line of printable ASCII"},
    /* Users */
    {"basic_auth_users:\n  '': " HASH "\n", "2: basic_auth_users: a user's name must not be empty"},
    {"basic_auth_users:\n  'a:b': " HASH "\n",
	"2: basic_auth_users: a user's name must not contain a colon"},
    {"basic_auth_users:\n  \"a\\x7f\": " HASH "\n",
	"2: basic_auth_users: a user's name must not contain a control character"},
    {"basic_auth_users:\n  \"a\\N\": " HASH "\n",
	"2: basic_auth_users: a user's name must not contain a control character"},
    {"basic_auth_users:\n  \"a\\u202e\": " HASH "\n",
	"2: basic_auth_users: a user's name must not contain a control character"},
    {"basic_auth_users:\n  a:\n", "2: basic_auth_users: a: expected a bcrypt hash, got nothing"},
    {"basic_auth_users:\n  a: {}\n",
	"2: basic_auth_users: a: expected a bcrypt hash, got a mapping"},
    {"basic_auth_users:\n  a: password\n", NO_HASH},
    {"basic_auth_users:\n  a: ''\n", NO_HASH},
    {"basic_auth_users:\n  a: $2x$10$" SALT HASHED "\n", NO_HASH},
    {"basic_auth_users:\n  a: $2$10$" SALT HASHED "\n", NO_HASH},
    {"basic_auth_users:\n  a: $1$10$" SALT HASHED "\n", NO_HASH},
    {"basic_auth_users:\n  a: $2y$\n", BAD_HASH},
    {"basic_auth_users:\n  a: $2y$1$" SALT HASHED "\n", BAD_HASH},
    {"basic_auth_users:\n  a: $2y$100$" SALT HASHED "\n", BAD_HASH},
    {"basic_auth_users:\n  a: $2y$+4$" SALT HASHED "\n", BAD_HASH},
    {"basic_auth_users:\n  a: $2y$10." SALT HASHED "\n", BAD_HASH},
    {"basic_auth_users:\n  a: $2y$10$" SALT "x" HASHED "\n", BAD_HASH},
    {"basic_auth_users:\n  a: $2y$10$" SALT "\n", BAD_HASH},
    {"basic_auth_users:\n  a: $2y$10$" SALT "!" HASHED "\n", BAD_HASH},
    {"basic_auth_users:\n  a: '" HASH " '\n", BAD_HASH},
    {"basic_auth_users:\n  a: $2y$03$" SALT HASHED "\n", BAD_COST("3")},
    {"basic_auth_users:\n  a: $2y$17$" SALT HASHED "\n", BAD_COST("17")},
    {"basic_auth_users:\n  a: " HASH "\n  a: " HASH "\n",
	"3: \"a\" is given twice; first on line 2"},
    /* Paths, rates */
    {"auth_excluded_paths:\n- metrics\n",
	"2: auth_excluded_paths: \"metrics\" must begin with a slash"},
    {"auth_excluded_paths:\n- ''\n", "2: auth_excluded_paths: \"\" must begin with a slash"},
    {"auth_excluded_paths:\n- \"/a\\n\"\n",
	"2: auth_excluded_paths: \"/a?\" must not contain a control character"},
    /* One that reorders the text around it, in a log or on a terminal. */
    {"auth_excluded_paths:\n- \"/a\\u2069\"\n",
	"2: auth_excluded_paths: \"/a???\" must not contain a control character"},
    {"rate_limit:\n  interval: 5\n  burst: 1\n",
	"2: rate_limit: interval: must have a unit, such as \"s\" or \"ms\", not \"5\""},
    {"rate_limit:\n  interval: 5 s\n  burst: 1\n",
	"2: rate_limit: interval: must be a duration, such as \"500ms\", \"1m30s\" or 0, not \"5 "
	"s\""},
    {"rate_limit:\n  interval: -1s\n  burst: 1\n",
	"2: rate_limit: interval: must be a duration, such as \"500ms\", \"1m30s\" or 0, not "
	"\"-1s\""},
    {"rate_limit:\n  interval: 1d\n  burst: 1\n", "2: rate_limit: interval: must be a duration, "
						  "such as \"500ms\", \"1m30s\" or 0, not \"1d\""},
    {"rate_limit:\n  interval: 1m30\n  burst: 1\n",
	"2: rate_limit: interval: must be a duration, such as \"500ms\", \"1m30s\" or 0, not "
	"\"1m30\""},
    {"rate_limit:\n  interval: .s\n  burst: 1\n", "2: rate_limit: interval: must be a duration, "
						  "such as \"500ms\", \"1m30s\" or 0, not \".s\""},
    {"rate_limit:\n  interval: ''\n  burst: 1\n",
	"2: rate_limit: interval: must be a duration, such as \"500ms\", \"1m30s\" or 0, not \"\""},
    {"rate_limit:\n  interval: 2562048h\n  burst: 1\n",
	"2: rate_limit: interval: must be a duration, such as \"500ms\", \"1m30s\" or 0, not "
	"\"2562048h\""},
    {"rate_limit:\n  interval: [1s]\n", "2: rate_limit: interval: expected text, got a list"},
    {"rate_limit:\n  interval: 1s\n",
	"1: rate_limit: burst must be at least 1: otherwise no request is answered"},
    {"rate_limit:\n  interval: 1s\n  burst: 0\n",
	"1: rate_limit: burst must be at least 1: otherwise no request is answered"},
    {"rate_limit:\n  burst: -1\n",
	"2: rate_limit: burst: must be a whole number from 0 to 1000000000, not \"-1\""},
    {"rate_limit:\n  burst: 1.5\n",
	"2: rate_limit: burst: must be a whole number from 0 to 1000000000, not \"1.5\""},
    {"rate_limit:\n  burst: '5'\n",
	"2: rate_limit: burst: must be a whole number from 0 to 1000000000, not \"5\""},
    {"rate_limit:\n  burst: ''\n",
	"2: rate_limit: burst: must be a whole number from 0 to 1000000000, not \"\""},
    {"rate_limit:\n  burst: 1000000001\n",
	"2: rate_limit: burst: must be a whole number from 0 to 1000000000, not \"1000000001\""},
    {"rate_limit:\n  burst: 99999999999999999999\n",
	"2: rate_limit: burst: must be a whole number from 0 to 1000000000, not "
	"\"99999999999999999999\""},
    {"rate_limit:\n  burst: 0x\n",
	"2: rate_limit: burst: must be a whole number from 0 to 1000000000, not \"0x\""},
    {"rate_limit:\n  burst: 08\n",
	"2: rate_limit: burst: must be a whole number from 0 to 1000000000, not \"08\""},
    {"rate_limit:\n  burst: _\n",
	"2: rate_limit: burst: must be a whole number from 0 to 1000000000, not \"_\""},
};

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(wrongs); i++) {
		char line[WEB_CONFIG_ERROR_SIZE];

		snprintf(line, sizeof(line), "web.yml:%s", wrongs[i].error);
		assert_refused(parse_string(wrongs[i].text), -EINVAL, line);
	}
}

static void long_names_leave_room_for_what_is_wrong(void **state)
{
	static char name[5000];
	static char text[8192];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	snprintf(text, sizeof(text), "tls_server_config:\n  %.1000s: x\n", name);
	assert_result(web_config_parse(text, strlen(text), name, ".", &config, error), -EINVAL);
	assert_non_null(strstr(error, ":2: tls_server_config: unknown key \"nnn"));
	assert_int_equal(error[strlen(error) - 1], '"');
	snprintf(text, sizeof(text), "tls_server_config:\n  cert_file: /%.4000s/x\n", name);
	assert_result(
	    web_config_parse(text, strlen(text), name, ".", &config, error), -ENAMETOOLONG);
	assert_non_null(strstr(error, ": File name too long"));
}

/* Bounds */

struct long_text {
	char *data;
	size_t length;
};

static struct long_text begin(const char *text)
{
	struct long_text made = {malloc(4 * MEBIBYTE), strlen(text)};

	assert_non_null(made.data);
	memcpy(made.data, text, made.length);
	return made;
}

static void append(struct long_text *text, const char *format, unsigned number)
{
	/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
	text->length += (size_t)sprintf(text->data + text->length, format, number);
}

/* head, then format for 0 to count - 1, then tail. */
static int parse_many(const char *head, const char *format, unsigned count, const char *tail)
{
	struct long_text text = begin(head);

	for (unsigned i = 0; i < count; i++)
		append(&text, format, i);
	append(&text, tail, 0);

	const int result = parse(text.data, text.length);

	free(text.data);
	return result;
}

static void users_are_bounded_and_sorted(void **state)
{
	(void)state;
	assert_result(parse_many("basic_auth_users:\n", "  u%u: " HASH "\n", 1000, ""), 0);
	assert_int_equal(config->users_length, 1000);
	for (size_t i = 1; i < config->users_length; i++)
		assert_true(strcmp(config->users[i - 1].name, config->users[i].name) < 0);
	drop();
	assert_refused(parse_many("basic_auth_users:\n", "  u%u: " HASH "\n", 1001, ""), -EINVAL,
	    "web.yml:1: basic_auth_users: more than 1000 users");
}

static void lists_are_bounded(void **state)
{
	(void)state;
	assert_result(parse_many("auth_excluded_paths:\n", "- /%u\n", 100, ""), 0);
	assert_int_equal(config->excluded_paths.length, 100);
	drop();
	assert_refused(parse_many("\nauth_excluded_paths:\n", "- /%u\n", 101, ""), -EINVAL,
	    "web.yml:2: auth_excluded_paths: more than 100 entries");
}

static void headers_are_bounded(void **state)
{
	(void)state;
	assert_result(parse_many(HEADERS "X-XSS-Protection: ", "%1u", 1, ""), 0);
	drop();
	assert_result(parse_many(HEADERS "X-XSS-Protection: ", "%08u", 512, ""), 0);
	assert_int_equal(strlen(config->headers[0].value), 4096);
	drop();
	assert_refused(parse_many(HEADERS "X-XSS-Protection: ", "%08u", 512, "9"), -EINVAL,
	    "web.yml:3: http_server_config: headers: X-XSS-Protection: must have at most 4096 "
	    "characters");
}

static void trees_are_bounded(void **state)
{
	(void)state;
	/* The key, its list and what is in it. */
	assert_refused(
	    parse_many("a: [", "%u,", 9997, "]"), -EINVAL, "web.yml:1: unknown key \"a\"");
	assert_refused(
	    parse_many("a: [", "%u,", 9998, "]"), -EINVAL, "web.yml:1: more than 10000 values");
	assert_refused(parse_many("a: &a\nb: [", "*a,", 9998, "]"), -EINVAL,
	    "web.yml:2: more than 10000 values");
	assert_refused(
	    parse_many("a: [", "&a%u x,", 100, "]"), -EINVAL, "web.yml:1: unknown key \"a\"");
	assert_refused(
	    parse_many("a: [", "&a%u x,", 101, "]"), -EINVAL, "web.yml:1: more than 100 anchors");
	assert_result(parse_many("", "%%TAG !a%u! b\n", 100, "---\n{}\n"), 0);
	drop();
	assert_refused(parse_many("", "%%TAG !a%u! b\n", 101, "---\n{}\n"), -EINVAL,
	    "web.yml: more than 100 %TAG directives");
}

static void files_are_bounded(void **state)
{
	(void)state;
	/* 1 MiB and a byte less, of comments. */
	assert_result(parse_many("", "#%014u\n", MEBIBYTE / 16, ""), 0);
	drop();
	assert_refused(parse_many("", "#%014u\n", MEBIBYTE / 16, "\n"), -EFBIG,
	    "web.yml: is larger than 1 MiB");
}

/* Each is repeated until there is a mebibyte. */
static void a_mebibyte_of_anything_ends_soon(void **state)
{
	static const char *const pieces[] = {"[", "{", "- ", "? ", "- - - - - - - - - ", ": ",
	    "a: ", "a:\n ", "&a ", "*a ", "!a ", "\"", "\"\"\n", "'", "''", "#", "#\n", "\n", " ",
	    "\t", "%TAG !a! b\n", "%YAML 1.1\n", "% ", "%A\n", "|\n", ">\n ", ">\n\n a", ",", "[,",
	    "{a: ", "[]", "a", "a ", "a\n", "- a\n", "- - a\n- ", "---\n", "...\n", "a: &a [*a]\n",
	    "\\", "\xef\xbb\xbf", "\xc2\x85", "\xe2\x80\xa8%TAG a b\n", "?", "<<: a\n",
	    "{\"a\":", "@", "`", "&a", "*a", "!", "!!", "!<a>", "[a, ", "[?", "{?a: "};
	static const char *const heads[] = {"", "a: ["};
	char *text = malloc(MEBIBYTE);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < LENGTH(pieces) * LENGTH(heads); i++) {
		const char *piece = pieces[i / LENGTH(heads)];
		const char *head = heads[i % LENGTH(heads)];
		struct timespec start;
		struct timespec end;

		for (size_t j = 0, at = 0; j < MEBIBYTE; j++, at++)
			text[j] =
			    j < strlen(head) ? head[j] : piece[(j - strlen(head)) % strlen(piece)];
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
		config = NULL;
		(void)web_config_parse(text, MEBIBYTE, "web.yml", "/nonexistent", &config, error);
		drop();
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);

		const double seconds = (double)(end.tv_sec - start.tv_sec) +
				       (double)(end.tv_nsec - start.tv_nsec) / 1e9;

		if (seconds > 3)
			fail_msg("\"%s\", then many \"%s\": %.1f s", head, piece, seconds);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_right_comes_out),
	    cmocka_unit_test(what_is_wrong_is_named),
	    cmocka_unit_test(long_names_leave_room_for_what_is_wrong),
	    cmocka_unit_test(users_are_bounded_and_sorted),
	    cmocka_unit_test(lists_are_bounded),
	    cmocka_unit_test(headers_are_bounded),
	    cmocka_unit_test(trees_are_bounded),
	    cmocka_unit_test(files_are_bounded),
	    cmocka_unit_test(a_mebibyte_of_anything_ends_soon),
	};

	return cmocka_run_group_tests_name("web_config", tests, NULL, NULL);
}
