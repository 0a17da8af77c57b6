/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TLS_H
#define EPHEMERA_TLS_H

/* TLS as --web.config.file wants it. tls.c is the only file that includes gnutls.h. */

#include "exporter/access/web_config.h"

/* Certificates and rules, for any number of connections at the same time. */
struct tls;

/*
 * Checks and loads what the configuration holds. Returns 0; or -EINVAL or -ENOMEM, and in
 * error what is wrong, beginning with the key that it is about.
 */
int tls_new(const struct web_config_tls *config, struct tls **ret_tls,
    char error[static WEB_CONFIG_ERROR_SIZE]);
void tls_free(struct tls *tls); /* NULL is fine */

/* When the certificate ends, in seconds since 1970. */
double tls_expiry(const struct tls *tls);

/*
 * Makes the server's session one of these, before its handshake; session is a
 * gnutls_session_t, and tls must outlive it. Returns 0 or -ENOMEM.
 */
int tls_begin(struct tls *tls, void *session);

/*
 * As a client that verifies nothing, over a connected socket, which stays the caller's and has
 * time-outs of its own: sends the request and reads up to size bytes of what is answered. Returns
 * how many; -errno; or -EPROTO where the other end speaks no TLS. ret_refused: it does, and wants a
 * client certificate or something else that we have not.
 */
int tls_ask(
    int fd, const void *request, size_t length, char *answer, size_t size, bool *ret_refused);

/*
 * A gnutls_certificate_retrieve_function2 that has none, for a server that must be told of one
 * before tls_begin() replaces it.
 */
void *tls_refusing_callback(void);

#endif
