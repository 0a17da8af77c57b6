// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/access/tls_priorities.h"

#define NAME_SIZE 512

struct tls {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
	gnutls_certificate_request_t request;
	bool verifies;
	struct strings allowed_sans;
	double expiry;
};

static int fail(char error[static WEB_CONFIG_ERROR_SIZE], const char *key, const char *why)
{
	snprintf(error, WEB_CONFIG_ERROR_SIZE, "tls_server_config: %s: %s", key, why);
	return -EINVAL;
}

static int fail_out_of_memory(char error[static WEB_CONFIG_ERROR_SIZE])
{
	snprintf(error, WEB_CONFIG_ERROR_SIZE, "tls_server_config: out of memory");
	return -ENOMEM;
}

static gnutls_datum_t datum(const struct blob *blob)
{
	return (gnutls_datum_t){(unsigned char *)blob->data, (unsigned)blob->length};
}

static int load_key_pair(
    struct tls *tls, const struct web_config_tls *config, char error[static WEB_CONFIG_ERROR_SIZE])
{
	const gnutls_datum_t certificate = datum(&config->certificate);
	const gnutls_datum_t key = datum(&config->key);
	const int result = gnutls_certificate_set_x509_key_mem2(
	    tls->credentials, &certificate, &key, GNUTLS_X509_FMT_PEM, NULL, 0);

	if (result == GNUTLS_E_MEMORY_ERROR)
		return fail_out_of_memory(error);
	if (result == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return fail(error, "key", "does not match the certificate");
	if (result < 0)
		return fail(error, "certificate and key", gnutls_strerror(result));
	return 0;
}

static int load_client_ca(
    struct tls *tls, const struct web_config_tls *config, char error[static WEB_CONFIG_ERROR_SIZE])
{
	const gnutls_datum_t authority = datum(&config->client_ca);

	if (!config->client_ca.data)
		return 0;

	const int count = gnutls_certificate_set_x509_trust_mem(
	    tls->credentials, &authority, GNUTLS_X509_FMT_PEM);

	if (count == GNUTLS_E_MEMORY_ERROR)
		return fail_out_of_memory(error);
	if (count <= 0)
		return fail(error, "client_ca",
		    count < 0 ? gnutls_strerror(count) : "contains no certificate");
	return 0;
}

/* The server's own certificate: the algorithm of its key, and when it expires. */
static int inspect_certificate(struct tls *tls, const struct web_config_tls *config,
    gnutls_pk_algorithm_t *ret_algorithm, char error[static WEB_CONFIG_ERROR_SIZE])
{
	const gnutls_datum_t pem = datum(&config->certificate);
	gnutls_x509_crt_t certificate;

	if (gnutls_x509_crt_init(&certificate) < 0)
		return fail_out_of_memory(error);

	int result = gnutls_x509_crt_import(certificate, &pem, GNUTLS_X509_FMT_PEM);

	if (result == 0) {
		const int algorithm = gnutls_x509_crt_get_pk_algorithm(certificate, NULL);

		*ret_algorithm =
		    algorithm < 0 ? GNUTLS_PK_UNKNOWN : (gnutls_pk_algorithm_t)algorithm;
		tls->expiry = (double)gnutls_x509_crt_get_expiration_time(certificate);
	}
	gnutls_x509_crt_deinit(certificate);
	return result < 0 ? fail(error, "certificate", gnutls_strerror(result)) : 0;
}

static int set_priorities(struct tls *tls, const struct web_config_tls *config,
    gnutls_pk_algorithm_t algorithm, char error[static WEB_CONFIG_ERROR_SIZE])
{
	const bool is_rsa = algorithm == GNUTLS_PK_RSA || algorithm == GNUTLS_PK_RSA_PSS;
	struct text text = {0};
	int result = tls_priorities(config, is_rsa, &text);

	if (result == -EINVAL)
		fail(error, "cipher_suites", "none of them works with the certificate's key");
	else if (result < 0)
		fail_out_of_memory(error);
	if (result == 0) {
		const int status = gnutls_priority_init2(&tls->priorities, text.data, NULL, 0);

		if (status < 0)
			result = fail(error, "versions and ciphers", gnutls_strerror(status));
	}
	free(text.data);
	return result;
}

static int copy_sans(struct tls *tls, const struct strings *sans)
{
	if (sans->length == 0)
		return 0;
	tls->allowed_sans.list = calloc(sans->length, sizeof(char *));
	if (!tls->allowed_sans.list)
		return -ENOMEM;
	for (; tls->allowed_sans.length < sans->length; tls->allowed_sans.length++) {
		char *copy = strdup(sans->list[tls->allowed_sans.length]);

		if (!copy)
			return -ENOMEM;
		tls->allowed_sans.list[tls->allowed_sans.length] = copy;
	}
	return 0;
}

/* A SAN as text, as the configuration writes it. Returns whether its type is supported. */
static bool format_san(unsigned type, const unsigned char *data, size_t size, char *text)
{
	switch (type) {
	case GNUTLS_SAN_DNSNAME:
	case GNUTLS_SAN_RFC822NAME:
	case GNUTLS_SAN_URI:
		/* A zero byte inside would hide what follows it. */
		if (size >= NAME_SIZE || memchr(data, '\0', size))
			return false;
		memcpy(text, data, size);
		text[size] = '\0';
		return true;
	case GNUTLS_SAN_IPADDRESS:
		return (size == 4 || size == 16) &&
		       inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text, NAME_SIZE);
	default:
		return false;
	}
}

static bool is_allowed(const struct strings *allowed, const char *name)
{
	for (size_t i = 0; i < allowed->length; i++)
		if (strcmp(allowed->list[i], name) == 0)
			return true;
	return false;
}

static bool has_allowed_san(const struct tls *tls, gnutls_session_t session)
{
	unsigned length;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &length);
	gnutls_x509_crt_t certificate;
	bool found = false;

	if (!chain || length == 0 || gnutls_x509_crt_init(&certificate) < 0)
		return false;
	if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == 0) {
		for (unsigned i = 0; !found; i++) {
			unsigned char data[NAME_SIZE];
			char text[NAME_SIZE];
			size_t size = sizeof(data);
			unsigned type;
			const int result = gnutls_x509_crt_get_subject_alt_name2(
			    certificate, i, data, &size, &type, NULL);

			if (result == GNUTLS_E_SHORT_MEMORY_BUFFER)
				continue; /* longer than any allowed name */
			if (result < 0)
				break;
			found = format_san(type, data, size, text) &&
				is_allowed(&tls->allowed_sans, text);
		}
	}
	gnutls_x509_crt_deinit(certificate);
	return found;
}

/* Runs in the handshake: with the client's certificate, or without one if that is allowed. */
static int verify_client(gnutls_session_t session)
{
	const struct tls *tls = gnutls_db_get_ptr(session);
	gnutls_typed_vdata_st purpose = {
	    .type = GNUTLS_DT_KEY_PURPOSE_OID,
	    .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned length = 0;
	unsigned status;

	if (!gnutls_certificate_get_peers(session, &length) || length == 0)
		return 0;
	if (tls->verifies &&
	    (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status != 0))
		return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
	if (tls->allowed_sans.length > 0 && !has_allowed_san(tls, session))
		return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
	return 0;
}

static void set_client_auth(struct tls *tls, enum client_auth client_auth)
{
	switch (client_auth) {
	case CLIENT_AUTH_NONE:
		tls->request = GNUTLS_CERT_IGNORE;
		break;
	case CLIENT_AUTH_REQUEST:
	case CLIENT_AUTH_VERIFY_IF_GIVEN:
		tls->request = GNUTLS_CERT_REQUEST;
		break;
	case CLIENT_AUTH_REQUIRE_ANY:
	case CLIENT_AUTH_REQUIRE_AND_VERIFY:
		tls->request = GNUTLS_CERT_REQUIRE;
		break;
	}
	tls->verifies = client_auth == CLIENT_AUTH_VERIFY_IF_GIVEN ||
			client_auth == CLIENT_AUTH_REQUIRE_AND_VERIFY;
}

int tls_new(const struct web_config_tls *config, struct tls **ret_tls,
    char error[static WEB_CONFIG_ERROR_SIZE])
{
	struct tls *tls = calloc(1, sizeof(*tls));
	gnutls_pk_algorithm_t algorithm = GNUTLS_PK_UNKNOWN;
	int result = 0;

	if (!tls)
		return fail_out_of_memory(error);
	set_client_auth(tls, config->client_auth);
	if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0 ||
	    copy_sans(tls, &config->allowed_sans) < 0)
		result = fail_out_of_memory(error);
	if (result == 0)
		result = load_key_pair(tls, config, error);
	if (result == 0)
		result = load_client_ca(tls, config, error);
	if (result == 0)
		result = inspect_certificate(tls, config, &algorithm, error);
	if (result == 0)
		result = set_priorities(tls, config, algorithm, error);
	if (result < 0) {
		tls_free(tls);
		return result;
	}
	*ret_tls = tls;
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	for (size_t i = 0; i < tls->allowed_sans.length; i++)
		free(tls->allowed_sans.list[i]);
	free(tls->allowed_sans.list);
	if (tls->priorities)
		gnutls_priority_deinit(tls->priorities);
	if (tls->credentials)
		gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

double tls_expiry(const struct tls *tls)
{
	return tls->expiry;
}

int tls_begin(struct tls *tls, void *session)
{
	if (gnutls_priority_set(session, tls->priorities) < 0 ||
	    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0)
		return -ENOMEM;
	gnutls_certificate_server_set_request(session, tls->request);
	/* libmicrohttpd uses the session's own pointer; the session cache's is free. */
	gnutls_db_set_ptr(session, tls);
	gnutls_session_set_verify_function(session, verify_client);
	return 0;
}

bool tls_knows_client(const struct tls *tls, void *session)
{
	unsigned length = 0;

	return tls->verifies && gnutls_certificate_get_peers(session, &length) && length > 0;
}

static int retrieve_none(gnutls_session_t session, const gnutls_datum_t *authorities,
    int authorities_length, const gnutls_pk_algorithm_t *algorithms, int algorithms_length,
    gnutls_pcert_st **certificate, unsigned *certificate_length, gnutls_privkey_t *key)
{
	(void)session;
	(void)authorities;
	(void)authorities_length;
	(void)algorithms;
	(void)algorithms_length;
	(void)certificate;
	(void)certificate_length;
	(void)key;
	return -1;
}

void *tls_refusing_callback(void)
{
	return (void *)retrieve_none;
}

/* Returns 0 once there is a session, or GnuTLS' error. */
static int shake_hands(gnutls_session_t session)
{
	int result;

	do {
		result = gnutls_handshake(session);
	} while (result == GNUTLS_E_INTERRUPTED || result == GNUTLS_E_WARNING_ALERT_RECEIVED);
	return result;
}

static int exchange(
    gnutls_session_t session, const void *request, size_t length, char *answer, size_t size)
{
	size_t got = 0;
	ssize_t result = shake_hands(session);

	if (result == 0)
		result = gnutls_record_send(session, request, length);
	while (result > 0 && got < size) {
		result = gnutls_record_recv(session, answer + got, size - got);
		if (result > 0)
			got += (size_t)result;
	}
	return got ? (int)got : (int)result;
}

int tls_ask(
    int fd, const void *request, size_t length, char *answer, size_t size, bool *ret_refused)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;
	int result = -ENOMEM;

	*ret_refused = false;
	if (gnutls_certificate_allocate_credentials(&credentials) < 0)
		return -ENOMEM;
	/* A TLS 1.3 server checks the client after our handshake, so it may hang up while we write.
	 */
	if (gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) < 0) {
		gnutls_certificate_free_credentials(credentials);
		return -ENOMEM;
	}
	gnutls_transport_set_int(session, fd);
	if (gnutls_set_default_priority(session) == 0 &&
	    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) == 0) {
		result = exchange(session, request, length, answer, size);
		/* Some servers hang up without an alert if there is no certificate. */
		*ret_refused =
		    result == GNUTLS_E_FATAL_ALERT_RECEIVED ||
		    (result <= 0 && gnutls_certificate_client_get_request_status(session));
		if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_TIMEDOUT)
			result = -ETIMEDOUT;
		else if (result < 0)
			result = -EPROTO;
	}
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
	return result;
}
