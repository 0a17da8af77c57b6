// SPDX-License-Identifier: Apache-2.0
/* The cipher suites and curves that a web configuration may name, in GnuTLS' words. */
#include <string.h>

#include "exporter/access/web_config.h"

struct cipher {
	const char *name;
	bool is_tls13;
	const char *words;
};

/* The list of Go 1.19; later versions leave out TLS_RSA. */
static const struct cipher ciphers[] = {
    {"TLS_AES_128_GCM_SHA256", true, "+AES-128-GCM:+AEAD"},
    {"TLS_AES_256_GCM_SHA384", true, "+AES-256-GCM:+AEAD"},
    {"TLS_CHACHA20_POLY1305_SHA256", true, "+CHACHA20-POLY1305:+AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", false, "+ECDHE-ECDSA:+AES-128-CBC:+SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", false, "+ECDHE-ECDSA:+AES-256-CBC:+SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", false, "+ECDHE-RSA:+AES-128-CBC:+SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", false, "+ECDHE-RSA:+AES-256-CBC:+SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", false, "+ECDHE-ECDSA:+AES-128-GCM:+AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", false, "+ECDHE-ECDSA:+AES-256-GCM:+AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", false, "+ECDHE-RSA:+AES-128-GCM:+AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", false, "+ECDHE-RSA:+AES-256-GCM:+AEAD"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", false, "+ECDHE-RSA:+CHACHA20-POLY1305:+AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", false,
	"+ECDHE-ECDSA:+CHACHA20-POLY1305:+AEAD"},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", false, "+RSA:+AES-128-CBC:+SHA1"},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", false, "+RSA:+AES-256-CBC:+SHA1"},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", false, "+RSA:+AES-128-GCM:+AEAD"},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", false, "+RSA:+AES-256-GCM:+AEAD"},
};

static const char *const curves[][2] = {
    {"CurveP256", "+GROUP-SECP256R1"},
    {"CurveP384", "+GROUP-SECP384R1"},
    {"CurveP521", "+GROUP-SECP521R1"},
    {"X25519", "+GROUP-X25519"},
};

const char *web_config_cipher(const char *name, bool *ret_is_tls13)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		if (strcmp(ciphers[i].name, name) != 0)
			continue;
		*ret_is_tls13 = ciphers[i].is_tls13;
		return ciphers[i].words;
	}
	return NULL;
}

const char *web_config_curve(const char *name)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(curves[i][0], name) == 0)
			return curves[i][1];
	return NULL;
}
