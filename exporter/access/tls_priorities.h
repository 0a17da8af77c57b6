/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TLS_PRIORITIES_H
#define EPHEMERA_TLS_PRIORITIES_H

/* Versions, ciphers and curves of a web configuration, in GnuTLS' words. */

#include "exporter/access/web_config.h"
#include "exporter/base/text.h"

/*
 * Appends the priority string and its '\0'. is_rsa: the certificate's key is an RSA key. Returns 0;
 * -EINVAL if none of cipher_suites works with that key, and there is no TLS 1.3 to use instead; or
 * -ENOMEM. text must be empty at first; the caller frees it in any case.
 */
int tls_priorities(const struct web_config_tls *config, bool is_rsa, struct text *text);

#endif
