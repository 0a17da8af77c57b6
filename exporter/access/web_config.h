/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WEB_CONFIG_H
#define EPHEMERA_WEB_CONFIG_H

/*
 * The file of --web.config.file, in the format of Prometheus' exporters (exporter-toolkit's
 * docs/web-configuration.md). Reads it and the files that it names. tls.h checks what certificates
 * and keys contain.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Behind each: the name in Go's crypto/tls, which is the value of client_auth_type. */
enum client_auth {
	CLIENT_AUTH_NONE,	       /* NoClientCert */
	CLIENT_AUTH_REQUEST,	       /* RequestClientCert */
	CLIENT_AUTH_REQUIRE_ANY,       /* RequireAnyClientCert */
	CLIENT_AUTH_VERIFY_IF_GIVEN,   /* VerifyClientCertIfGiven */
	CLIENT_AUTH_REQUIRE_AND_VERIFY /* RequireAndVerifyClientCert */
};

enum tls_version { TLS_VERSION_1_0, TLS_VERSION_1_1, TLS_VERSION_1_2, TLS_VERSION_1_3 };

/* A string, or the content of a file. Ends with a zero byte, which length does not count. */
struct blob {
	char *data; /* NULL: not given */
	size_t length;
};

struct web_config_user {
	char *name;
	char *hash; /* bcrypt: $2a$, $2b$ or $2y$, well-formed, cost from 4 to 16 */
};

struct web_config_header {
	const char *name; /* static */
	char *value;	  /* one line of printable ASCII */
};

#define WEB_CONFIG_HEADERS 5
#define WEB_CONFIG_USERS_MAX 1000

/* A list of strings. */
struct strings {
	char **list;
	size_t length;
};

struct web_config_tls {
	struct blob certificate; /* PEM, then its chain */
	struct blob key;	 /* PEM */
	struct blob client_ca;	 /* PEM; data NULL: none */
	enum client_auth client_auth;
	struct strings allowed_sans;	  /* empty: any; else a certificate is required */
	enum tls_version min_version;	  /* default: TLS 1.2 */
	enum tls_version max_version;	  /* default: TLS 1.3 */
	struct strings cipher_suites;	  /* IANA's names as in Go; each checked against
					     web_config_cipher(); empty: the library's choice, with
					     forward secrecy */
	bool prefer_server_cipher_suites; /* default: true */
	struct strings curve_preferences; /* each checked against web_config_curve(); empty: any */
};

/* What shows that a file has changed. */
struct web_config_file {
	char *path;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed; /* ctime */
};

struct web_config {
	bool has_tls;
	struct web_config_tls tls;
	bool http2_given; /* http_server_config.http2 is there, true or false */
	struct web_config_header headers[WEB_CONFIG_HEADERS]; /* those given and not empty */
	size_t headers_length;
	struct web_config_user *users; /* sorted by name; none: no password is required */
	size_t users_length;
	struct strings excluded_paths; /* auth_excluded_paths: exact paths */
	double rate_interval;	       /* seconds between two requests; 0: no limit */
	unsigned long rate_burst;      /* at least 1 if there is a limit */
	struct web_config_file *files; /* the file itself and those it names */
	size_t files_length;
};

#define WEB_CONFIG_ERROR_SIZE 640

/*
 * Reads the file at path. Returns 0; or -errno, and in error what is wrong, in one printable line
 * that begins with the path and, if the file's text is wrong, the line number:
 * "web.yml:3: tls_server_config: unknown key \"cert_fil\"". It contains at most 200 bytes of a
 * path, and no value of cert, key or basic_auth_users. Relative paths in the file are relative to
 * its directory. An empty file is valid, and sets nothing.
 */
int web_config_read(
    const char *path, struct web_config **ret_config, char error[static WEB_CONFIG_ERROR_SIZE]);

/*
 * The same for text in memory, length bytes long. error contains name in place of the path.
 * Relative paths in the text are relative to directory. The result's files lack the file itself.
 */
int web_config_parse(const char *text, size_t length, const char *name, const char *directory,
    struct web_config **ret_config, char error[static WEB_CONFIG_ERROR_SIZE]);

/* Keys, certificates and hashes are overwritten before they are freed. NULL is fine. */
void web_config_free(struct web_config *config);

/* Whether one of its files has changed or is gone. */
bool web_config_has_changed(const struct web_config *config);

/* Whether client_auth_type requires a certificate, verified or not. */
bool web_config_requires_certificate(const struct web_config *config);

/*
 * What next would no longer refuse although current does, as a static sentence that quotes nothing
 * ("basic_auth_users has no users any more"); NULL: next protects in each way that current does.
 * Part of a file can be valid, so such a file may have been cut. More users, and other values of
 * headers and of rate_limit, are no loss.
 */
const char *web_config_loss(const struct web_config *current, const struct web_config *next);

/*
 * The words of GnuTLS' priority string for a cipher suite with that IANA name, such as
 * "+ECDHE-ECDSA:+AES-128-GCM:+AEAD"; NULL: Go's CipherSuites() does not list it. is_tls13: a suite
 * of TLS 1.3; Go accepts such a name and ignores it.
 */
const char *web_config_cipher(const char *name, bool *ret_is_tls13);

/* The same for a curve by Go's name, such as "+GROUP-X25519"; NULL: Go does not know it. */
const char *web_config_curve(const char *name);

#endif
