# SPDX-License-Identifier: Apache-2.0
"""Exporters with --web.config.file, and clients of theirs."""

import base64
import http.client
import ssl

from lib.exporter import Exporter, Metrics, Response

# Users of tests, with bcrypt hashes of a low cost, made by htpasswd -nbB -C.
PASSWORDS = {"alice": "secret", "bob": "other"}
HASHES = {
    "alice": "$2y$04$4PqudCToLwLkBMvvruHYGeuvlrnz18Vp.xgjvXuAXXwHm70AMvyrW",
    "bob": "$2y$05$b.3ij2i5fX0e7WgdoYMYxODFk1z1HRXcvG4AnlgdGj2KekuJUUAjS",
}


def users(*names):
    return "basic_auth_users:\n" + "".join(f"  {name}: {HASHES[name]}\n" for name in names)


def server(pair, *lines):
    """tls_server_config of that certificate, and further lines of it."""
    return ("tls_server_config:\n"
            f"  cert_file: {pair.certificate}\n  key_file: {pair.key}\n"
            + "".join(f"  {line}\n" for line in lines))


def authorization(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def trusting(authority, client=None, minimum=None, maximum=None, ciphers=None):
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if client:
        context.load_cert_chain(client.certificate, client.key)
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    if ciphers:
        context.set_ciphers(ciphers)
    return context


class Secure(Exporter):
    """An exporter with the text as its web configuration, in a file of the directory."""

    def __init__(self, text, directory, *args, **kw):
        self.file = directory / "web.yml"
        self.file.write_text(text)
        super().__init__(f"--web.config.file={self.file}", *args, **kw)

    def connect(self, context, timeout=10):
        """A kept connection: http.client's."""
        connection = http.client.HTTPSConnection(self.host, self.port, context=context,
                                                 timeout=timeout)
        connection.connect()
        return connection

    def fetch(self, context, path="/metrics", headers=None, timeout=30):
        """One GET over TLS, on a connection of its own."""
        connection = http.client.HTTPSConnection(self.host, self.port, context=context,
                                                 timeout=timeout)
        try:
            connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())
        finally:
            connection.close()

    def value(self, context, name, **labels):
        response = self.fetch(context)
        assert response.status == 200, response
        return Metrics(response.body.decode()).value(name, **labels)
