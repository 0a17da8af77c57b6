/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TLS_PRIORITIES_H
#define EPHEMERA_TLS_PRIORITIES_H

/* Versions, ciphers and curves of a web configuration, in GnuTLS' words. */

#include "exporter/access/web_config.h"
#include "exporter/base/text.h"

/*
 * Appends the priority string for a certificate whose key is an RSA one or not, and its '\0'.
 * Returns 0; -EINVAL where none of cipher_suites goes with such a key, and nothing else is left; or
 * -ENOMEM. text, which is empty at first, is the caller's to free in any case.
 */
int tls_priorities(const struct web_config_tls *config, bool is_rsa, struct text *text);

#endif
