/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TLS_H
#define EPHEMERA_TLS_H

/* TLS as --web.config.file sets it. tls.c is the only file that includes gnutls.h. */

#include "exporter/access/web_config.h"

/* Certificates and rules, for any number of connections at the same time. */
struct tls;

/*
 * Checks and loads the configuration. Returns 0; or -EINVAL or -ENOMEM, and in error what is wrong,
 * beginning with the key that is wrong.
 */
int tls_new(const struct web_config_tls *config, struct tls **ret_tls,
    char error[static WEB_CONFIG_ERROR_SIZE]);
void tls_free(struct tls *tls); /* NULL is fine */

/* When the certificate expires, in seconds since 1970. */
double tls_expiry(const struct tls *tls);

/*
 * Applies tls to a server's session, before its handshake. session is a gnutls_session_t; tls must
 * outlive it. Returns 0 or -ENOMEM.
 */
int tls_begin(struct tls *tls, void *session);

/*
 * Whether the client of that session, after its handshake, has shown a certificate that was
 * verified. Anybody can make one that is only required.
 */
bool tls_knows_client(const struct tls *tls, void *session);

/*
 * A client that verifies nothing: sends the request over a connected socket, and reads up to size
 * bytes of the answer. The caller keeps the socket and sets its timeouts. Returns the number of
 * bytes or -errno; -EPROTO: the other end does not speak TLS. ret_refused: it does, but requires a
 * client certificate or something else that we do not have.
 */
int tls_ask(
    int fd, const void *request, size_t length, char *answer, size_t size, bool *ret_refused);

/*
 * A gnutls_certificate_retrieve_function2 without a certificate, for a server that requires one
 * before tls_begin() replaces it.
 */
void *tls_refusing_callback(void);

#endif
