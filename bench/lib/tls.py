"""TLS as every benchmark uses it: one certificate for all, and what the load generators offer.

Suite and key exchange are settled by the clients, which offer only one of each: so all proxies
encrypt alike, whatever they would choose themselves.
"""

import subprocess

from lib.network import LOOPBACK

SERVER_NAME = "bench.test"
SUITE = "TLS_AES_128_GCM_SHA256"
GROUP = "X25519"

# Where a generator has no options for it (wrk), OpenSSL takes it from its configuration.
CLIENT_CONFIG = f"""\
openssl_conf = bench
[bench]
ssl_conf = protocols
[protocols]
system_default = client
[client]
MinProtocol = TLSv1.3
Ciphersuites = {SUITE}
Groups = {GROUP}
"""


class Certificate:
    """A self-signed one with ECDSA P-256, made anew for each run. It is its own authority."""

    def __init__(self, directory):
        directory.mkdir(parents=True)
        self.chain, self.key = directory / "chain.pem", directory / "key.pem"
        self.both = directory / "both.pem"
        self.client_config = directory / "client.cnf"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                   "-days", "2", "-subj", f"/CN={SERVER_NAME}", "-addext",
                   f"subjectAltName=DNS:{SERVER_NAME},IP:{LOOPBACK}",
                   "-keyout", str(self.key), "-out", str(self.chain)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"openssl made no certificate: {done.stderr[-500:]}")
        self.both.write_text(self.chain.read_text() + self.key.read_text())
        self.client_config.write_text(CLIENT_CONFIG)
