// SPDX-License-Identifier: Apache-2.0
#include <gnutls/gnutls.h>
#include <stdio.h>

#include "exporter/access/web_config.h"
#include "unit.h"

/* With the numbers that IANA has given them. */
static const struct {
	const char *name;
	unsigned id;
} suites[] = {
    {"TLS_AES_128_GCM_SHA256", 0x1301},
    {"TLS_AES_256_GCM_SHA384", 0x1302},
    {"TLS_CHACHA20_POLY1305_SHA256", 0x1303},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc009},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 0xc00a},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc013},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xc014},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", 0x0035},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009c},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", 0x009d},
};

/* Its words give this suite, and no other. */
static void assert_is_gnutls(const char *name, unsigned id)
{
	bool is_tls13 = false;
	const char *words = web_config_cipher(name, &is_tls13);
	char priorities[256];
	gnutls_priority_t priority;
	const char *position;
	unsigned found = 0;

	assert_non_null(words);
	assert_int_equal(is_tls13, id >> 8 == 0x13);
	snprintf(priorities, sizeof(priorities), "NONE:+VERS-TLS1.%d:%s:+GROUP-ALL:+SIGN-ALL",
	    is_tls13 ? 3 : 2, words);
	if (gnutls_priority_init(&priority, priorities, &position) != GNUTLS_E_SUCCESS)
		fail_msg("%s: GnuTLS does not know %s", name, position);
	for (unsigned i = 0;; i++) {
		unsigned char bytes[2];
		unsigned suite;
		const int result = gnutls_priority_get_cipher_suite_index(priority, i, &suite);

		if (result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (result == GNUTLS_E_UNKNOWN_CIPHER_SUITE)
			continue;
		assert_result(result, GNUTLS_E_SUCCESS);
		assert_non_null(gnutls_cipher_suite_info(suite, bytes, NULL, NULL, NULL, NULL));
		if ((unsigned)(bytes[0] << 8 | bytes[1]) != id)
			fail_msg("%s (%s) gives 0x%02x%02x", name, words, bytes[0], bytes[1]);
		found++;
	}
	gnutls_priority_deinit(priority);
	if (found != 1)
		fail_msg("%s (%s) gives %u suites", name, words, found);
}

static void each_cipher_suite_is_one_of_gnutls(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(suites); i++)
		assert_is_gnutls(suites[i].name, suites[i].id);
}

static void other_cipher_suites_are_unknown(void **state)
{
	bool is_tls13;

	(void)state;
	assert_null(web_config_cipher("", &is_tls13));
	assert_null(web_config_cipher("TLS_RSA_WITH_RC4_128_SHA", &is_tls13));
	assert_null(web_config_cipher("TLS_RSA_WITH_3DES_EDE_CBC_SHA", &is_tls13));
	assert_null(web_config_cipher("TLS_RSA_WITH_AES_128_CBC_SHA256", &is_tls13));
	assert_null(web_config_cipher("tls_aes_128_gcm_sha256", &is_tls13));
}

static void curves_are_gnutls(void **state)
{
	static const struct {
		const char *name;
		gnutls_group_t group;
	} curves[] = {
	    {"CurveP256", GNUTLS_GROUP_SECP256R1},
	    {"CurveP384", GNUTLS_GROUP_SECP384R1},
	    {"CurveP521", GNUTLS_GROUP_SECP521R1},
	    {"X25519", GNUTLS_GROUP_X25519},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(curves); i++) {
		char priorities[256];
		gnutls_priority_t priority;
		const unsigned *groups;

		assert_non_null(web_config_curve(curves[i].name));
		snprintf(priorities, sizeof(priorities), "NORMAL:-GROUP-ALL:%s",
		    web_config_curve(curves[i].name));
		assert_result(gnutls_priority_init(&priority, priorities, NULL), GNUTLS_E_SUCCESS);
		assert_int_equal(gnutls_priority_group_list(priority, &groups), 1);
		assert_int_equal(groups[0], curves[i].group);
		gnutls_priority_deinit(priority);
	}
	assert_null(web_config_curve(""));
	assert_null(web_config_curve("x25519"));
	assert_null(web_config_curve("CurveP2560"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_cipher_suite_is_one_of_gnutls),
	    cmocka_unit_test(other_cipher_suites_are_unknown),
	    cmocka_unit_test(curves_are_gnutls),
	};

	return cmocka_run_group_tests_name("web_config_cipher", tests, NULL, NULL);
}
