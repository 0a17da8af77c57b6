// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/tls_priorities.h"

#include <errno.h>
#include <string.h>

static void add_versions(const struct web_config_tls *config, bool with_tls13, struct text *text)
{
	static const char *const words[] = {
	    [TLS_VERSION_1_0] = ":+VERS-TLS1.0",
	    [TLS_VERSION_1_1] = ":+VERS-TLS1.1",
	    [TLS_VERSION_1_2] = ":+VERS-TLS1.2",
	    [TLS_VERSION_1_3] = ":+VERS-TLS1.3",
	};

	text_add_string(text, ":-VERS-ALL");
	for (int version = (int)config->max_version; version >= (int)config->min_version; version--)
		if (version != TLS_VERSION_1_3 || with_tls13)
			text_add_string(text, words[version]);
}

/*
 * Whether a suite works with such a key. One that does not must be left out: a priority string is a
 * product of sets, so its words would allow its cipher for the other suites.
 */
static bool fits(const char *suite, bool is_rsa)
{
	return (strstr(suite, "_ECDSA_") != NULL) != is_rsa;
}

static bool is_aead(const char *words)
{
	return strstr(words, "+AEAD") != NULL;
}

/*
 * As in Go, cipher_suites is for TLS up to 1.2. GnuTLS has no separate list for TLS 1.3: it uses
 * those of the ciphers that TLS 1.3 has. If there are none, TLS 1.3 is not offered.
 */
static int add_ciphers(
    const struct web_config_tls *config, bool is_rsa, struct text *text, bool *ret_with_tls13)
{
	const bool only_tls13 = config->min_version == TLS_VERSION_1_3;
	bool any = false;
	bool tls13 = false;

	*ret_with_tls13 = true;
	if (config->cipher_suites.length == 0 || only_tls13) {
		/*
		 * No key exchange with the certificate's own key: who records the traffic, and gets
		 * that key later, could read it. As Go's default since 1.22.
		 */
		text_add_string(text, ":-RSA");
		return 0;
	}
	text_add_string(text, ":-CIPHER-ALL:-KX-ALL:-MAC-ALL");
	for (size_t i = 0; i < config->cipher_suites.length; i++) {
		const char *name = config->cipher_suites.list[i];
		bool is_tls13;
		const char *words = web_config_cipher(name, &is_tls13);

		if (!words || is_tls13 || !fits(name, is_rsa))
			continue;
		any = true;
		tls13 = tls13 || is_aead(words);
		text_add_string(text, ":");
		text_add_string(text, words);
	}
	if (!any && config->max_version < TLS_VERSION_1_3)
		return -EINVAL;
	if (!any)
		/* Only TLS 1.3 is left, which cipher_suites does not restrict. */
		text_add_string(text, ":+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AEAD");
	*ret_with_tls13 = tls13 || !any;
	return 0;
}

static void add_curves(const struct web_config_tls *config, struct text *text)
{
	if (config->curve_preferences.length == 0)
		return;
	text_add_string(text, ":-GROUP-ALL");
	for (size_t i = 0; i < config->curve_preferences.length; i++) {
		text_add_char(text, ':');
		text_add_string(text, web_config_curve(config->curve_preferences.list[i]));
	}
}

int tls_priorities(const struct web_config_tls *config, bool is_rsa, struct text *text)
{
	bool with_tls13;
	int result;

	text_add_string(text, "NORMAL");
	result = add_ciphers(config, is_rsa, text, &with_tls13);
	add_versions(config, with_tls13, text);
	add_curves(config, text);
	if (config->prefer_server_cipher_suites)
		text_add_string(text, ":%SERVER_PRECEDENCE");
	text_add_char(text, '\0');
	return text->error < 0 ? text->error : result;
}
