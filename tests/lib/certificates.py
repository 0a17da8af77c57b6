# SPDX-License-Identifier: Apache-2.0
"""Authorities and certificates for tests, made by openssl."""

import subprocess
from pathlib import Path


def _openssl(*words, text=None):
    subprocess.run(["openssl", *map(str, words)], check=True, input=text, text=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


class Pair:
    """A certificate and its key, in files."""

    def __init__(self, certificate, key):
        self.certificate = Path(certificate)
        self.key = Path(key)


def _new_key(path, kind):
    if kind == "rsa":
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path)
    else:
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    path.chmod(0o644)  # whoever the exporter becomes must be able to read it again


class Authority(Pair):
    """Signs certificates, in the directory."""

    def __init__(self, directory, name="authority"):
        super().__init__(directory / f"{name}.crt", directory / f"{name}.key")
        self.directory = directory
        _new_key(self.key, "ec")
        _openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", 30,
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.certificate)

    def issue(self, name, sans="IP:127.0.0.1,DNS:localhost", usage=None, kind="ec", days=30):
        """usage: serverAuth or clientAuth; None: any. Negative days: it has ended."""
        pair = Pair(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        _new_key(pair.key, kind)
        _openssl("req", "-new", "-key", pair.key, "-subj", f"/CN={name}", "-out", request)
        lines = ["basicConstraints=CA:FALSE"]
        lines += [f"subjectAltName={sans}"] if sans else []
        lines += [f"extendedKeyUsage={usage}"] if usage else []
        extensions.write_text("\n".join(lines) + "\n")
        if days > 0:
            _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                     "-CAcreateserial", "-extfile", extensions, "-days", days, "-out", pair.certificate)
        else:
            self._issue_ended(request, extensions, pair)
        return pair

    def _issue_ended(self, request, extensions, pair):
        # "openssl x509" sets no dates in the past; "openssl ca" does, and wants a database.
        configuration = self.directory / "ca.cnf"
        (self.directory / "index.txt").write_text("")
        configuration.write_text(
            f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.directory}/index.txt\n"
            f"new_certs_dir={self.directory}\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n"
            "[p]\ncommonName=supplied\n")
        _openssl("ca", "-batch", "-notext", "-config", configuration, "-cert", self.certificate,
                 "-keyfile", self.key, "-startdate", "20200101000000Z", "-enddate",
                 "20200201000000Z", "-extfile", extensions, "-in", request, "-out",
                 pair.certificate)
