// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "web_configs.h"

struct wrong {
	const char *text;
	const char *error; /* behind "web.yml:" */
};

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
    {HEADER "X-Frame-Options:\n", "3: http_server_config: headers: X-Frame-Options" NO_VALUE},
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
    {HEADER "Server: x\n", "3: http_server_config: headers: unknown key \"Server\""},
    {HEADER "x-frame-options: deny\n",
	"3: http_server_config: headers: unknown key \"x-frame-options\""},
    {HEADER "X-Frame-Options: DENY\n", "3: http_server_config: headers: X-Frame-Options: must be "
				       "deny, sameorigin or empty, not \"DENY\""},
    {HEADER "X-Content-Type-Options: sniff\n",
	"3: http_server_config: headers: X-Content-Type-Options: must be nosniff or empty, not "
	"\"sniff\""},
    {HEADER "X-XSS-Protection: [1]\n",
	"3: http_server_config: headers: X-XSS-Protection: expected text, got a list"},
    {HEADER "X-XSS-Protection: \"1\\r\\nSet-Cookie: a\"\n",
	"3: http_server_config: headers: X-XSS-Protection: must be one line of printable ASCII"},
    {HEADER "X-XSS-Protection: \"\\x7f\"\n",
	"3: http_server_config: headers: X-XSS-Protection: must be one line of printable ASCII"},
    {HEADER "X-XSS-Protection: \"\\t\"\n",
	"3: http_server_config: headers: X-XSS-Protection: must be one line of printable ASCII"},
    {HEADER "X-XSS-Protection: \xc3\xa4\n",
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_wrong_is_named),
	    cmocka_unit_test(long_names_leave_room_for_what_is_wrong),
	};

	return cmocka_run_group_tests_name("web_config_refused", tests, NULL, NULL);
}
