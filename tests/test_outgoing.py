"""How r2i itself reaches a server: the proxy and the certificates that the environment names."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from r2i.errors import UsageError
from r2i.host.outgoing import login_of, proxy_of, trusted

PROXIES = {"HTTPS_PROXY": "proxy:3128", "http_proxy": "http://plain:80"}


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://zenodo.org/x", {}, None),
        ("https://zenodo.org/x", PROXIES, "http://proxy:3128"),
        ("http://zenodo.org/x", PROXIES, "http://plain:80"),
        ("https://zenodo.org/", {**PROXIES, "https_proxy": "https://lower:1"}, "https://lower:1"),
        ("https://zenodo.org/", {"ALL_PROXY": "socks5h://s:1"}, "socks5h://s:1"),
        ("https://zenodo.org/", {**PROXIES, "NO_PROXY": "*"}, None),
        ("https://zenodo.org/", {**PROXIES, "NO_PROXY": "example.org, zenodo.org"}, None),
        ("https://sandbox.zenodo.org/", {**PROXIES, "NO_PROXY": ".zenodo.org"}, None),
        ("https://sandbox.zenodo.org/", {**PROXIES, "NO_PROXY": "*.zenodo.org"}, None),
        ("https://sandbox.zenodo.org/", {**PROXIES, "no_proxy": "zenodo.org"}, None),
        ("https://nozenodo.org/", {**PROXIES, "NO_PROXY": "zenodo.org"}, "http://proxy:3128"),
        ("https://zenodo.org:8443/", {**PROXIES, "NO_PROXY": "zenodo.org:8443"}, None),
        ("https://zenodo.org:8443/", {**PROXIES, "NO_PROXY": "zenodo.org:443"}, "http://proxy:3128"),
        ("https://10.1.2.3/", {**PROXIES, "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://11.1.2.3/", {**PROXIES, "NO_PROXY": "10.0.0.0/8"}, "http://proxy:3128"),
        ("https://[fd00::1]/", {**PROXIES, "NO_PROXY": "fd00::/8"}, None),
        ("https://[fd00::1]/", {**PROXIES, "NO_PROXY": "[fd00::1]"}, None),
        ("https://zenodo.org/", {**PROXIES, "NO_PROXY": ",, nonsense/x"}, "http://proxy:3128"),
    ],
)
def test_the_proxy_of_an_address(url: str, environ: dict[str, str], proxy: str | None) -> None:
    assert proxy_of(url, environ) == proxy


def subjects(context: ssl.SSLContext) -> set[str]:
    return {str(certificate["subject"]) for certificate in context.get_ca_certs()}


def test_a_named_bundle_replaces_the_public_authorities(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    public = subjects(trusted({}, system=tmp_path))
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
        assert len(subjects(trusted({name: str(bundle)}))) == 1
        assert subjects(trusted({name: "/nonexistent"}, system=tmp_path)) == public
    added = tmp_path / "usr/local/share/ca-certificates/ours.crt"
    added.parent.mkdir(parents=True)
    bundle.rename(added)
    assert len(subjects(trusted({}, system=tmp_path))) == len(public) + 1


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing")
    (tmp_path / "b").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for name, says in (("a", "has no certificate in PEM format"), ("b", "has an invalid certificate")):
        with pytest.raises(UsageError, match=says):
            trusted({"SSL_CERT_FILE": str(tmp_path / name)})


def test_certificates_are_always_checked(tmp_path: Path) -> None:
    context = trusted({}, system=tmp_path)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_default_of_netrc_is_for_nobody(tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine zenodo.org login ada password one\ndefault login eve password two\n")
    netrc.chmod(0o600)
    assert login_of("zenodo.org", {"HOME": str(tmp_path)}) == ("ada", "one")
    assert login_of("figshare.com", {"HOME": str(tmp_path)}) is None
    assert login_of("zenodo.org", {}) is None
    assert login_of("zenodo.org", {"NETRC": str(netrc)}) == ("ada", "one")
