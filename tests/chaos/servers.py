"""Servers on loopback that answer as they are told."""

import contextlib
import datetime
import http.server
import ipaddress
import socket
import ssl
import struct
import threading


class Site(http.server.BaseHTTPRequestHandler):
    """Answers as its server was told: `answer(handler)`."""

    def do_GET(self):
        self.server.answer(self)

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass


def sends(content, length=None, status=200, **headers):
    """An answer of this content that says it has this length."""

    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(content)

    return answer


def resets(handler):
    """Breaks the connection off in place of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


@contextlib.contextmanager
def server_that(answer=None, certificate=None):
    """A server whose `answer` can be changed."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.answer = answer
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def encrypted(folder, answer, patch):
    """A server that speaks TLS, and is trusted meanwhile."""
    certificate = make_certificate(folder)
    patch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with server_that(answer, certificate) as server:
        yield server


def make_certificate(folder):
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "site.pem"
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(key.private_bytes(*private) + made.public_bytes(serialization.Encoding.PEM))
    return file
