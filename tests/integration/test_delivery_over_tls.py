"""Guarded connections over TLS: the certificate and the name in it are verified, though the address is pinned."""

import ipaddress
import ssl
import threading
from datetime import timedelta

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.core.clock import utcnow
from app.notifications.channels.guard import GuardedAdapter
from app.notifications.channels.webhook import post
from tests.receivers.answering import ScriptedReceiver, status

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.fixture
def certificate(tmp_path):
    """A certificate for the name localhost that nobody vouches for, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = utcnow()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "localhost.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def port(certificate):
    """A receiver over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ScriptedReceiver([status(200)]) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_certificate_that_nobody_vouches_for_is_refused(port):
    tried = post(f"https://localhost:{port}/", b"{}", {}, timedelta(seconds=5), LOOPBACK, utcnow())
    assert tried.outcome == "temporary"
    assert "certificate verify failed" in tried.error
    assert not tried.maybe_taken


def test_the_name_in_the_certificate_counts(port, certificate):
    with requests.Session() as session:
        session.mount("https://", GuardedAdapter(LOOPBACK))
        assert session.post(f"https://localhost:{port}/", data=b"{}", verify=str(certificate)).status_code == 200
        with pytest.raises(requests.exceptions.SSLError, match=r"127\.0\.0\.1"):
            session.post(f"https://127.0.0.1:{port}/", data=b"{}", verify=str(certificate))
