"""The script that carries the host's settings into build steps: what it holds, and what real shells make of it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gate
from r2i.errors import UsageError
from r2i.host.addresses import mask
from r2i.host.script import MAX_SCRIPT_BYTES, compose
from r2i.host.settings import HostSettings, container_script, host_script
from r2i.host.variables import ADDRESSES
from tests.building import fresh_tag

PEM = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
OTHER_PEM = PEM.replace("QUJD", "REVG")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """An empty machine: `home` and `etc` lie below it."""
    (tmp_path / "home").mkdir()
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(machine: Path, environ: dict[str, str], *, ca_bundle: Path | None = None) -> HostSettings:
    return host_script(environ, ca_bundle=ca_bundle, home=machine / "home", system=machine)


def sourced(script: str, directory: Path) -> dict[str, str]:
    """What the environment holds after a strict shell sourced the script; `directory` stands for /dev/shm."""
    file = write(directory / "script", script.replace("/dev/shm", str(directory)))
    done = subprocess.run(
        ["/bin/sh", "-euc", '. "$0"; . "$0"; env -0', str(file)],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    assert not done.stderr
    pairs = (pair.partition(b"=") for pair in done.stdout.split(b"\0") if pair)
    found = {name.decode(): value.decode() for name, _, value in pairs}
    return {
        name: value for name, value in found.items() if name not in ("PATH", "PWD", "_", "OLDPWD", "SHLVL")
    }


def downloading(found: HostSettings, directory: Path) -> dict[str, str]:
    """The environment of what resolves and downloads, which reads both scripts."""
    return sourced(found.script, directory) | sourced(found.private, directory)


def messages(settings: HostSettings) -> str:
    return "\n".join(notice.message for notice in settings.notices)


def test_a_machine_without_settings_passes_nothing(machine: Path) -> None:
    assert read(machine, {"PATH": "/bin", "HOME": "/root"}) == HostSettings()


def test_only_what_the_allowlist_names_passes(machine: Path) -> None:
    environ = {
        "JUPYTERHUB_API_TOKEN": "t0ken",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "PIP_TARGET": "/x",
        "UV_PUBLISH_TOKEN": "t0ken",
        "UV_INDEX_CORP_PASSWORD": "hunter22",
        "CONDA_CHANNEL_ALIAS": "https://conda.example.org",
        "NO_PROXY": "",
    }

    assert downloading(read(machine, environ), machine) == {
        "CONDA_CHANNEL_ALIAS": "https://conda.example.org"
    }


def test_the_server_of_r_packages_passes_without_its_password(machine: Path) -> None:
    settings = read(machine, {"R2I_CRAN": "https://ada:url-s3cret@cran.example.org/cran"})

    assert sourced(settings.script, machine) == {"R2I_CRAN": "https://cran.example.org/cran"}
    assert "s3cret" in settings.private


def test_a_running_container_gets_addresses_and_certificates_and_no_credentials(machine: Path) -> None:
    write(machine / "home/.netrc", "machine pypi.example.org login ada password netrc-s3cret\n")
    environ = {
        "PIP_INDEX_URL": "https://ada:url-s3cret@pypi.example.org/simple",
        "UV_INDEX": "corp=https://t0ken-s3cret@a.example.org/x https://b.example.org/@scope/y",
        "UV_INDEX_CORP_USERNAME": "user-s3cret",
        "UV_INDEX_CORP_PASSWORD": "index-s3cret",
        "HTTPS_PROXY": "ada:proxy@s3cret@proxy:3128",
        "SSL_CERT_FILE": str(write(machine / "ca.pem", PEM)),
    }
    script = container_script(environ, ca_bundle=None, home=machine / "home", system=machine)

    assert "s3cret" in read(machine, environ).private
    assert "s3cret" not in script + read(machine, environ).script
    found = sourced(script, machine)
    assert found["PIP_INDEX_URL"] == found["UV_DEFAULT_INDEX"] == "https://pypi.example.org/simple"
    assert found["UV_INDEX"] == "corp=https://a.example.org/x https://b.example.org/@scope/y"
    assert found["HTTPS_PROXY"] == found["https_proxy"] == "proxy:3128"
    assert "NETRC" not in found
    assert Path(found["SSL_CERT_FILE"]).read_text().startswith(PEM)


def test_what_the_user_gives_a_container_counts_before_the_host(machine: Path) -> None:
    environ = {"PIP_INDEX_URL": "https://pypi.example.org/simple", "HTTPS_PROXY": "http://proxy:3128"}
    script = container_script(
        environ, ca_bundle=None, home=machine, system=machine, given={"PIP_INDEX_URL", "https_proxy"}
    )

    assert sourced(script, machine) == {"UV_DEFAULT_INDEX": "https://pypi.example.org/simple"}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_passes_in_both_cases(machine: Path, name: str) -> None:
    found = sourced(read(machine, {name: "http://proxy:3128", "no_proxy": ".example.org"}).script, machine)

    assert found == {
        "HTTPS_PROXY": "http://proxy:3128",
        "https_proxy": "http://proxy:3128",
        "NO_PROXY": ".example.org",
        "no_proxy": ".example.org",
    }


def test_proxies_that_differ_by_case_stay_different(machine: Path) -> None:
    environ = {"HTTP_PROXY": "http://big:1", "http_proxy": "http://small:1"}

    assert sourced(read(machine, environ).script, machine) == environ


@pytest.mark.parametrize(
    "proxy",
    [
        "http://127.0.0.1:3128",
        "http://user:canary99@localhost:3128/",
        "user:canary99@127.0.0.53:3128",
        "http://[::1]:3128",
        "socks5h://proxy.localhost:1080",
    ],
)
def test_a_loopback_proxy_is_left_out_and_said_without_its_password(machine: Path, proxy: str) -> None:
    result = read(machine, {"HTTPS_PROXY": proxy, "https_proxy": proxy})

    assert result.script == ""
    assert [notice.level for notice in result.notices] == ["warning"]
    assert "`HTTPS_PROXY`" in messages(result)
    assert "canary99" not in messages(result)


def test_an_index_of_pip_reaches_uv(machine: Path) -> None:
    environ = {
        "PIP_INDEX_URL": "https://u:p@pypi.example.org/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example.org https://b.example.org",
        "PIP_TRUSTED_HOST": "pypi.example.org",
        "PIP_DEFAULT_TIMEOUT": "60",
        "PIP_FIND_LINKS": "https://a.example.org/w https://b.example.org/w",
    }

    assert downloading(read(machine, environ), machine) == environ | {
        "UV_DEFAULT_INDEX": environ["PIP_INDEX_URL"],
        "UV_INDEX": environ["PIP_EXTRA_INDEX_URL"],
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "pypi.example.org",
        "UV_HTTP_TIMEOUT": "60",
        "UV_FIND_LINKS": "https://a.example.org/w,https://b.example.org/w",
    }


def test_an_index_of_uv_reaches_pip_without_its_name(machine: Path) -> None:
    environ = {
        "UV_DEFAULT_INDEX": "corp=https://pypi.example.org",
        "UV_INDEX": "x=https://x.example.org https://y",
    }

    assert sourced(read(machine, environ).script, machine) == environ | {
        "PIP_INDEX_URL": "https://pypi.example.org",
        "PIP_EXTRA_INDEX_URL": "https://x.example.org https://y",
    }


def test_what_is_set_for_uv_counts_for_uv(machine: Path) -> None:
    environ = {
        "PIP_INDEX_URL": "https://pip",
        "UV_INDEX_URL": "https://uv",
        "UV_HTTP_TIMEOUT": "9",
        "PIP_TIMEOUT": "1",
    }

    assert sourced(read(machine, environ).script, machine) == environ


def test_a_timeout_that_uv_does_not_understand_stays_with_pip(machine: Path) -> None:
    assert sourced(read(machine, {"PIP_DEFAULT_TIMEOUT": "1.5"}).script, machine) == {
        "PIP_DEFAULT_TIMEOUT": "1.5"
    }


def test_addresses_of_this_machine_are_left_out_and_said(machine: Path) -> None:
    environ = {
        "PIP_INDEX_URL": "file:///srv/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example.org/simple http://u:canary99@localhost:3141/simple",
        "PIP_FIND_LINKS": "/opt/wheels ./more",
        "UV_PYTHON_DOWNLOADS_JSON_URL": "/srv/downloads.json",
        "UV_FIND_LINKS": "https://a.example.org/w,/opt/wheels",
    }
    result = read(machine, environ)

    assert sourced(result.script, machine) == {
        "PIP_EXTRA_INDEX_URL": "https://a.example.org/simple",
        "UV_INDEX": "https://a.example.org/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "https://a.example.org/w",
    }
    assert [notice.level for notice in result.notices] == ["warning", "info", "info", "warning", "info"]
    assert "`http://***@localhost:3141/simple`" in messages(result)
    assert "canary99" not in messages(result)


def test_an_address_that_cannot_be_read_is_no_traceback(machine: Path) -> None:
    result = read(machine, {"PIP_INDEX_URL": "https://[oops", "HTTP_PROXY": "http://[oops"})

    assert "`PIP_INDEX_URL`" in messages(result)


def test_pip_configuration_counts_in_the_order_of_pip(machine: Path) -> None:
    write(machine / "etc/pip.conf", "[global]\nindex-url = https://etc\ntimeout = 5\nretries = 9\n")
    write(machine / "home/.pip/pip.conf", "[global]\nindex_url = https://legacy\n[install]\ntimeout = 7\n")
    write(
        machine / "home/.config/pip/pip.conf",
        "[global]\nextra-index-url =\n    https://a\n    https://b\ntimeout = 6\n[freeze]\ntimeout = 1\n",
    )
    found = sourced(read(machine, {"PIP_RETRIES": "2"}).script, machine)

    assert found["PIP_INDEX_URL"] == found["UV_DEFAULT_INDEX"] == "https://legacy"
    assert found["PIP_EXTRA_INDEX_URL"] == "https://a https://b"
    assert found["PIP_DEFAULT_TIMEOUT"] == "7"
    assert found["PIP_RETRIES"] == "2"


def test_pip_configuration_named_by_variables_counts(machine: Path) -> None:
    write(machine / "xdg/pip/pip.conf", "[global]\nindex-url = https://xdg\ntrusted-host = xdg\n")
    named = write(machine / "named.conf", "[global]\nindex-url = https://named\nproxy = http://proxy:1\n")
    environ = {"XDG_CONFIG_HOME": str(machine / "xdg"), "PIP_CONFIG_FILE": str(named)}
    found = sourced(read(machine, environ).script, machine)

    assert (found["PIP_INDEX_URL"], found["PIP_TRUSTED_HOST"]) == ("https://named", "xdg")
    assert found["HTTP_PROXY"] == found["https_proxy"] == "http://proxy:1"


def test_pip_configuration_can_be_switched_off(machine: Path) -> None:
    write(machine / "etc/pip.conf", "[global]\nindex-url = https://etc\n")

    assert read(machine, {"PIP_CONFIG_FILE": "/dev/null"}) == HostSettings()


@pytest.mark.parametrize("text", ["index-url = https://no.section", "[global]\n[global]\n", "[glo\0bal\nx"])
def test_a_broken_pip_configuration_is_said_and_left_out(machine: Path, text: str) -> None:
    write(machine / "etc/pip.conf", text)
    result = read(machine, {})

    assert result.script == ""
    assert f"`{machine / 'etc/pip.conf'}`" in messages(result)


def test_configuration_of_uv_counts(machine: Path) -> None:
    write(
        machine / "etc/uv/uv.toml",
        'system-certs = true\npython-install-mirror = "https://m/py"\n[[index]]\nurl = "https://etc"\n',
    )
    write(
        machine / "home/.config/uv/uv.toml",
        'allow-insecure-host = ["a", "b"]\n[[index]]\nname = "corp"\nurl = "https://corp"\n'
        '[[index]]\nurl = "https://main"\ndefault = true\n[[index]]\nurl = "https://never"\nexplicit = true\n',
    )

    assert sourced(read(machine, {}).script, machine) == {
        "UV_SYSTEM_CERTS": "true",
        "UV_PYTHON_INSTALL_MIRROR": "https://m/py",
        "UV_INSECURE_HOST": "a b",
        "UV_INDEX": "corp=https://corp https://etc",
        "UV_DEFAULT_INDEX": "https://main",
        "PIP_INDEX_URL": "https://main",
        "PIP_EXTRA_INDEX_URL": "https://corp https://etc",
    }


@pytest.mark.parametrize(
    "text", ["index = 3", "[[index]]\nname = 4", "pip = 1", "index = [1]", "find-links = [[]]"]
)
def test_odd_configuration_of_uv_is_no_traceback(machine: Path, text: str) -> None:
    write(machine / "home/.config/uv/uv.toml", text)

    assert read(machine, {}).script == ""


def test_a_broken_configuration_of_uv_is_said_and_left_out(machine: Path) -> None:
    path = write(machine / "home/.config/uv/uv.toml", "index = [")

    assert f"`{path}` is not valid TOML" in messages(read(machine, {}))


CONDARC = """
channel_alias: https://ada:secret-word@conda.example.org/t/token-of-ada/get
default_channels: [https://conda.example.org/main, https://conda.example.org/r]
custom_channels:
  team/dev: https://team.example.org/t/${TEAM_TOKEN}/channels
  here: file:///srv/channels
proxy_servers: {https: "http://proxy.example.org:3128"}
"""


def test_configuration_of_conda_counts(machine: Path) -> None:
    write(machine / "etc/conda/.condarc", "channel_alias: https://else.example.org\nssl_verify: true\n")
    write(machine / "home/.condarc", CONDARC)
    settings = read(machine, {"TEAM_TOKEN": "token-of-team"})
    found = downloading(settings, machine / "shm")

    assert found["CONDA_CHANNEL_ALIAS"] == "https://ada:secret-word@conda.example.org/t/token-of-ada/get"
    assert found["R2I_CONDA_DEFAULT_CHANNELS"] == "https://conda.example.org/main https://conda.example.org/r"
    assert found["R2I_CONDA_CUSTOM_CHANNELS"] == "team/dev=https://team.example.org/t/token-of-team/channels"
    assert found["HTTPS_PROXY"] == found["https_proxy"] == "http://proxy.example.org:3128"
    assert {"secret-word", "token-of-ada", "token-of-team"} <= set(settings.credentials)
    assert "here=file:///srv/channels" in messages(settings)


def test_variables_of_conda_count_before_its_configuration(machine: Path) -> None:
    write(machine / "home/.condarc", CONDARC)
    environ = {"CONDA_CHANNEL_ALIAS": "https://first.example.org", "CONDA_DEFAULT_CHANNELS": "one,two"}
    found = sourced(read(machine, environ).script, machine / "shm")

    assert found["CONDA_CHANNEL_ALIAS"] == "https://first.example.org"
    assert found["R2I_CONDA_DEFAULT_CHANNELS"] == "one two"


def test_a_container_gets_channels_without_their_tokens(machine: Path) -> None:
    write(machine / "home/.condarc", CONDARC)
    script = container_script({}, ca_bundle=None, home=machine / "home", system=machine)
    found = sourced(script, machine / "shm")

    assert found["CONDA_CHANNEL_ALIAS"] == "https://conda.example.org/get"
    assert "token-of-" not in script


def test_the_bundle_of_conda_configuration_counts(machine: Path) -> None:
    bundle = write(machine / "conda.pem", PEM)
    write(machine / "home/.condarc", f"ssl_verify: {bundle}\n")

    assert "QUJD" in read(machine, {}).script


def test_netrc_passes_for_channels(machine: Path) -> None:
    write(machine / "home/.netrc", "machine conda.example.org login ada password secret-word\n")
    settings = read(machine, {"CONDA_CHANNEL_ALIAS": "https://conda.example.org/get"})

    assert "https://conda.example.org/get" in settings.script
    assert "https://ada:secret-word@conda.example.org/get" in settings.private


@pytest.mark.parametrize(
    "text",
    ["[1]", "a: [", "channel_alias: 5", "default_channels: x", "custom_channels: [a]", "a: 2024-02-31", ""],
)
def test_odd_configuration_of_conda_is_no_traceback(machine: Path, text: str) -> None:
    write(machine / "home/.condarc", text)

    assert read(machine, {}).script == ""


def test_certificates_reach_every_program(machine: Path) -> None:
    bundle = write(
        machine / "ca.pem", f"# Comment\n{PEM}# Issuer\n{PEM}\n-----BEGIN PRIVATE KEY-----\nS0VZ\n{OTHER_PEM}"
    )
    found = sourced(read(machine, {"SSL_CERT_FILE": str(bundle)}).script, machine)
    own = Path("/etc/ssl/certs/ca-certificates.crt")

    names = ("SSL_CERT_FILE", "PIP_CERT", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NIX_SSL_CERT_FILE")
    assert len({found[name] for name in names}) == 1
    written = Path(found["SSL_CERT_FILE"])
    assert written.read_text() == PEM + OTHER_PEM + (own.read_text() if own.exists() else "")
    assert written.stat().st_mode & 0o777 == 0o644
    assert f'CAInfo "{written}"' in Path(found["APT_CONFIG"]).read_text()
    assert f"= {written}" in Path(found["WGETRC"]).read_text()


def test_the_named_bundle_counts_before_the_environment(machine: Path) -> None:
    named, other = write(machine / "named.pem", PEM), write(machine / "other.pem", OTHER_PEM)
    script = read(machine, {"SSL_CERT_FILE": str(other)}, ca_bundle=named).script

    assert "QUJD" in script
    assert "REVG" not in script


def test_certificates_that_an_administrator_added_are_found(machine: Path) -> None:
    write(machine / "usr/local/share/ca-certificates/corp/root.crt", PEM)

    assert "QUJD" in read(machine, {}).script


def test_the_bundle_of_pip_configuration_counts(machine: Path) -> None:
    write(machine / "home/corp.pem", PEM)
    write(machine / "etc/pip.conf", "[global]\ncert = ~/corp.pem\n")

    assert "QUJD" in read(machine, {}).script


@pytest.mark.parametrize(
    "text", ["", "hello", "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n"]
)
def test_a_bundle_without_certificates_is_an_error_that_names_the_variable(machine: Path, text: str) -> None:
    bundle = write(machine / "ca.pem", text)

    with pytest.raises(UsageError, match="`REQUESTS_CA_BUNDLE` has no certificate") as caught:
        read(machine, {"REQUESTS_CA_BUNDLE": str(bundle)})
    assert caught.value.hint


def test_a_named_bundle_that_is_not_there_is_an_error(machine: Path) -> None:
    with pytest.raises(UsageError, match="`--ca-bundle` cannot be read: No such file"):
        read(machine, {}, ca_bundle=machine / "none.pem")


def test_a_variable_whose_bundle_is_not_there_is_said_and_the_next_counts(machine: Path) -> None:
    bundle = write(machine / "ca.pem", PEM)
    result = read(machine, {"SSL_CERT_FILE": str(machine / "none.pem"), "CURL_CA_BUNDLE": str(bundle)})

    assert "QUJD" in result.script
    assert "`SSL_CERT_FILE`" in messages(result)


def test_a_bundle_that_is_too_large_for_a_secret_is_an_error(machine: Path) -> None:
    blocks = [PEM.replace("QUJD", f"{number:08d}") for number in range(MAX_SCRIPT_BYTES // 60)]

    with pytest.raises(UsageError, match="490 kB"):
        read(machine, {}, ca_bundle=write(machine / "ca.pem", "".join(blocks)))


def test_netrc_passes_for_the_configured_indexes_only(machine: Path) -> None:
    write(
        machine / "home/.netrc",
        'machine pypi.example.org login me password "a b\\"c#"\n'
        "machine github.com login me password github99\ndefault login x password default99\n",
    )
    result = read(machine, {"UV_INDEX": "corp=https://pypi.example.org/simple"})

    assert (
        sourced(result.private, machine)["UV_INDEX"] == "corp=https://me:a%20b%22c%23@pypi.example.org/simple"
    )
    assert sourced(result.script, machine)["UV_INDEX"] == "corp=https://pypi.example.org/simple"
    assert set(result.credentials) == {'a b"c#', "a%20b%22c%23"}
    assert "99" not in result.script + result.private


NAMED = {"UV_INDEX_CORP_USERNAME": "ada", "UV_INDEX_CORP_PASSWORD": "corp-pass"}


def test_what_belongs_to_the_name_of_an_index_goes_into_its_address(machine: Path) -> None:
    result = read(machine, {**NAMED, "UV_INDEX": "corp=https://corp.example.org/simple"})
    found = downloading(result, machine)

    assert found["UV_INDEX"] == "corp=https://ada:corp-pass@corp.example.org/simple"
    assert found["PIP_EXTRA_INDEX_URL"] == "https://ada:corp-pass@corp.example.org/simple"
    assert "UV_INDEX_CORP_PASSWORD" not in found
    assert messages(result) == ""


def test_what_belongs_to_a_name_alone_goes_nowhere(machine: Path) -> None:
    """A repository can give that name to an address of its own."""
    result = read(machine, NAMED)

    assert result.script == result.private == ""
    assert "`UV_INDEX_CORP_PASSWORD` is not used" in messages(result)


def test_code_that_is_trusted_gets_it_all(machine: Path) -> None:
    environ = {**NAMED, "PIP_INDEX_URL": "https://u:p4ssword@pypi.example.org"}
    result = host_script(environ, ca_bundle=None, home=machine, system=machine, trusted=True)
    found = sourced(result.script, machine)

    assert found["UV_INDEX_CORP_PASSWORD"] == "corp-pass"
    assert found["PIP_INDEX_URL"] == environ["PIP_INDEX_URL"]
    assert result.private == ""


def test_the_password_of_a_proxy_is_for_downloads_alone(machine: Path) -> None:
    result = read(machine, {"HTTPS_PROXY": "http://ada:pr0xy@proxy.example.org:3128"})

    assert sourced(result.script, machine)["https_proxy"] == "http://proxy.example.org:3128"
    assert downloading(result, machine)["https_proxy"] == "http://ada:pr0xy@proxy.example.org:3128"
    assert result.proxies["HTTPS_PROXY"] == "http://proxy.example.org:3128"
    assert "The password of `HTTPS_PROXY` is withheld" in messages(result)


def test_a_broken_netrc_is_said_without_its_words(machine: Path) -> None:
    path = write(machine / "netrc", "machine pypi.example.org login me passwd canary99\n")
    result = read(machine, {"NETRC": str(path), "PIP_INDEX_URL": "https://pypi.example.org"})

    assert f"`{path}`" in messages(result)
    assert "canary99" not in messages(result) + result.script + result.private


def test_credentials_are_named_for_logs(machine: Path) -> None:
    environ = {
        "HTTP_PROXY": "user:proxy-pass@proxy:3128",
        "PIP_INDEX_URL": "https://u:index%2Fpass@pypi.example.org",
        "UV_INDEX": "corp=https://glpat-token@git.example.org https://u:@x.example.org",
        "UV_INDEX_CORP_USERNAME": "someone",
        "UV_INDEX_CORP_PASSWORD": "corp-pass",
    }
    found = read(machine, environ).credentials

    assert set(found) == {"proxy-pass", "index%2Fpass", "index/pass", "glpat-token", "corp-pass"}
    assert (
        mask("GET https://x:y@h/ corp-pass, glpat-token", credentials=found) == "GET https://***@h/ ***, ***"
    )


def test_values_that_are_no_text_are_left_out_and_said(machine: Path) -> None:
    result = read(machine, {"NO_PROXY": "a\udc80b", "EDITOR": "\udc80"})

    assert result.script == ""
    assert "`NO_PROXY`" in messages(result)
    assert "`EDITOR`" not in messages(result)


def test_a_client_certificate_stays_here_and_that_is_said(machine: Path) -> None:
    result = read(machine, {"SSL_CLIENT_CERT": "/home/me/key.pem"})

    assert result.script == ""
    assert "`SSL_CLIENT_CERT`" in messages(result)


NASTY = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from(
    ["$(touch x)", "`id`", "'", "\\'", "a\nb\n", "'\\''; exit 1 #", '"', "!", "\x81\x88é€", "-n", "%s\\n"]
)


@settings(max_examples=60)
@given(value=NASTY, password=NASTY)
def test_any_value_arrives_exactly(
    tmp_path_factory: pytest.TempPathFactory, value: str, password: str
) -> None:
    directory = tmp_path_factory.mktemp("shm")
    found = sourced(compose({"NO_PROXY": value, "UV_INDEX_A_PASSWORD": password}), directory)

    assert found == {"NO_PROXY": value, "UV_INDEX_A_PASSWORD": password}


@given(
    name=st.sampled_from(["HTTP_PROXY", "PIP_INDEX_URL", "UV_INDEX", "UV_FIND_LINKS", "PIP_FIND_LINKS"]),
    value=NASTY,
)
def test_any_address_is_passed_or_left_out(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: str
) -> None:
    machine = tmp_path_factory.mktemp("machine")
    result = host_script({name: value}, ca_bundle=None, home=machine, system=machine)

    assert result.script == "" or re.search(rf"^export {name}=", result.script, re.MULTILINE)


WORDS = st.lists(
    st.sampled_from([b"[global]", b"[[index]]", b"index-url", b"=", b'"', b"\n", b"machine h login", b"\xff"])
)


@given(data=st.binary() | WORDS.map(b" ".join))
def test_any_bytes_in_a_configuration_file_are_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    machine = tmp_path_factory.mktemp("machine")
    for name in ("home/.config/pip/pip.conf", "home/.config/uv/uv.toml", "home/.netrc", "home/.condarc"):
        write(machine / name, "").write_bytes(data)

    host_script({}, ca_bundle=None, home=machine / "home", system=machine)


@given(text=st.text())
def test_any_text_can_be_masked(text: str) -> None:
    assert "canary99" not in mask(f"http://u:canary99@h {text} secret-word", credentials=["canary99"])


RECIPE = """\
FROM docker.io/library/debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip-whl \\
 && rm -rf /var/lib/apt/lists/* /var/log/*
"""
FETCH = (
    "PYTHONPATH=$(echo /usr/share/python-wheels/pip-*.whl) python3 -B -m pip download -q --no-cache-dir --disable-pip-version-check"
    " --no-deps -d /tmp/fetched idna"
)
STEP = """\
RUN --mount=type=secret,id=host,mode=0444 set -eu; [ ! -f /run/secrets/host ] || . /run/secrets/host; \\
    ! env | grep canary- && {fetch} && rm -r /tmp/fetched
"""


#: Only root reads the credentials.
PRIVATE_STEP = """\
RUN --mount=type=secret,id=credentials,mode=0400 set -eu; . /run/secrets/credentials; \\
    env | grep -q canary-inde[x] && ! setpriv --reuid=1000 --regid=1000 --clear-groups cat /run/secrets/credentials 2>/dev/null
"""


def docker(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, check=False)


def canary_certificate(directory: Path) -> str:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=canary -days 9"
    target = directory / "canary.pem"
    arguments = [*command.split(), "-keyout", "/dev/null", "-out", str(target)]
    subprocess.run(arguments, check=True, capture_output=True)
    return target.read_text()


def contents(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Every file of an image as `docker save` gives it, those of its layers included."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            data = files.extractfile(member).read() if member.isfile() else b""  # type: ignore[union-attr]
            yield member.name, data
            if data and tarfile.is_tarfile(io.BytesIO(data)):
                yield from contents(data)


@pytest.mark.engine
def test_build_steps_reach_the_network_and_the_image_tells_nothing(machine: Path) -> None:
    own = next(
        (Path(value) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if (value := os.environ.get(name))),
        Path("/etc/ssl/certs/ca-certificates.crt"),
    )
    canary = canary_certificate(machine)
    write(machine / "home/.netrc", "machine pypi.invalid login me password canary-netrc\n")
    environ = {
        "HTTPS_PROXY": "http://me:canary-proxy@proxy.invalid:3128",
        "NO_PROXY": "*",
        "PIP_RETRIES": "0",
        "PIP_EXTRA_INDEX_URL": "https://me:canary-index@pypi.invalid/simple",
        "UV_INDEX_CORP_PASSWORD": "canary-password",
    }
    bundle = write(machine / "ca.pem", own.read_text() + canary)
    script = write(machine / "script", read(machine, environ, ca_bundle=bundle).script)
    private = write(machine / "private", read(machine, environ, ca_bundle=bundle).private)
    tag = fresh_tag("host")
    build = ("buildx", "build", "--progress", "plain", "--tag", tag, "-")
    try:
        bare = docker(*build, "--output", "type=cacheonly", stdin=f"{RECIPE}RUN {FETCH}\n")
        if bare.returncode:  # on a network that intercepts TLS the script is what makes the difference
            assert "CERTIFICATE_VERIFY_FAILED" in bare.stderr
        step = STEP.format(fetch=FETCH)
        recipe = f"{RECIPE}ARG RUN={machine}\n{PRIVATE_STEP}{step}USER 1000\n{step}"  # never from the cache
        given = ("--secret", f"id=host,src={script}", "--secret", f"id=credentials,src={private}")
        done = docker(*build, "--load", *given, stdin=recipe)
        assert done.returncode == 0, done.stderr
        config = docker("image", "inspect", tag).stdout + docker("history", "--no-trunc", tag).stdout
        saved = subprocess.run(["docker", "save", tag], capture_output=True, check=True).stdout
    finally:
        docker("image", "rm", "--force", tag)

    body = canary.splitlines()[2]
    words = ["canary-proxy", "canary-netrc", "canary-index", "canary-password", body, "/dev/shm/r2i-"]
    assert not [word for word in words if word in config + done.stderr]
    names = []
    for name, data in contents(saved):
        names.append(name)
        assert not [word for word in words if word.encode() in data], name
    assert [name for name in names if name.endswith("debian_version")]
    assert not [name for name in names if re.search(r"(dev/shm|run/secrets)/.", name)]


def test_the_gate_knows_every_index_that_settings_can_name() -> None:
    """What it does not know would be asked without the credentials, or show them."""
    others = ("UV_PYTHON_", "UV_PYPY_")
    named = [name for name in ADDRESSES if name.startswith(("PIP_", "UV_")) and not name.startswith(others)]

    assert list(gate.INDEXES) == named
