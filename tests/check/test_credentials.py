"""Credentials are told by their shapes and names; what only looks like one is none, and none is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.code.credentials import credentials_in, credentials_in_code, credentials_in_settings

BODY = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4eF6hJ8kL0nM2"


@pytest.mark.parametrize(
    "token",
    [
        "AKIA" + "Q3ZX7PLM2VNC8RTY",
        "ghp_" + BODY[:36],
        "github_pat_" + BODY + BODY[:20],
        "glpat-" + BODY[:20],
        "xoxb-" + "123456789-987654321-" + BODY[:24],
        "https://hooks.slack.com/services/" + "T0A1B2C3D/B0A1B2C3D/" + BODY[:24],
        "AIza" + BODY[:35],
        "sk-ant-" + BODY,
        "sk-proj-" + BODY,
        "sk-" + BODY + BODY[:6],
        "hf_" + BODY[:34],
        "sk_live_" + BODY[:24],
        "npm_" + BODY[:36],
        "SG." + BODY[:22] + "." + BODY + "a",
        "-----BEGIN RSA PRIVATE KEY-----\n" + BODY + BODY,
        "-----BEGIN PRIVATE KEY-----\\n" + BODY + BODY,
    ],
)
def test_tokens_of_services_are_found_wherever_they_stand(token: str) -> None:
    for text in (token, f"x\nauth('{token}')\n", f"Bearer {token}"):
        (found,) = credentials_in(text)

        assert found.line == text[: text.index(token)].count("\n") + 1
        assert found.secret in token
        assert BODY[:12] not in f"{found}{found.begin}{found.what}"
        assert token.startswith(found.begin)


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "x" * 36,
        "ghp_...",
        "scikit-learn, sk-learn and sk-" + "a" * 40,
        "x" + "ghp_" + BODY[:36],
        "hf_hub_download(repo_id)",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + BODY + BODY,
        "npm_config_registry",
    ],
)
def test_what_only_looks_like_a_token_is_none(text: str) -> None:
    assert credentials_in(text) == ()


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ('password = "Xq7!vRt2#mLp"', 1),
        ("x = 1\nDB_PASSWORD='Xq7!vRt2#mLp'", 2),
        ('connect("anna", password="Xq7!vRt2#mLp")', 1),
        ('{"api_key": "f83hG72kLm19QwZx40Tb"}', 1),
        ('token: str = "f83hG72kLm19QwZx40Tb"', 1),
        ("x = 1\ncreate_engine('postgresql+psycopg2://anna:Xq7vRt2mLp@db.tides.org:5432/sea')", 2),
        ("!wget ftp://anna:Xq7!vRt2#mLp@data.tides.org/x.csv", 1),
        ('secret = "mongodb+srv://anna:Xq7vRt2mLp19QwZx40@cluster0.tides.org"', 1),
    ],
)
def test_values_of_telling_names_are_found(code: str, line: int) -> None:
    (found,) = credentials_in_code(code)

    assert found.line == line
    assert found.secret not in repr(found)


@pytest.mark.parametrize(
    "code",
    [
        'password = "password"',
        'password = "changeme123!A"',
        'password = "hunter22"',
        'password = os.environ["PASSWORD"]',
        'password = getpass("Password: ")',
        'token = "YOUR_TOKEN_HERE_1234567890"',
        'token = "<f83hG72kLm19QwZx40Tb>"',
        'tokenizer = "f83hG72kLm19QwZx40Tb"',
        'token = "bert-base-uncased-2024"',
        'secret = "/run/secrets/db"',
        'api_key = "https://example.org/a1b2c3d4e5f6g7h8"',
        'if token == "f83hG72kLm19QwZx40Tb":',
        "postgresql://postgres:postgres@db.tides.org/sea",
        "postgresql://anna:Xq7vRt2mLp@localhost:5432/sea",
        "f'postgresql://{user}:{os.environ[KEY1]}@{host}/sea'",
        "https://anna:<Xq7vRt2mLp>@tides.org and http://tides.org:8888/@anna",
        "mysql://anna:your_Passw0rd!@db.tides.org/sea",
    ],
)
def test_values_that_open_nothing_are_none(code: str) -> None:
    assert credentials_in_code(code) == ()


def test_settings_have_values_without_quotes() -> None:
    text = (
        "A=1\nexport API_KEY=f83hG72kLm19QwZx40Tb\nDB_PASSWORD='Xq7!vRt2#mLp'\npassword =\ntoken = ${TOKEN}\n"
    )

    assert [one.line for one in credentials_in_settings(text)] == [2, 3]
    assert credentials_in_settings("machine x login y password tidal-wave") == ()
    assert [one.line for one in credentials_in_settings("machine x\npassword tidal-wave", netrc=True)] == [2]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "sk-" * 60_000,
        "ghp_" * 40_000,
        "password=" * 20_000,
        "password = '" * 16_000,
        "_" * 200_000 + "token",
        "-----BEGIN PRIVATE KEY-----" * 6_000,
        "-----BEGIN PRIVATE KEY-----" + "\\n" * 80_000,
        "xoxb-" + "1" * 180_000,
        "ab://" * 40_000,
        "ab://c:" + "aB3!" * 45_000,
        " " * 200_000,
        "\n" * 200_000,
    ],
    ids=range(12),
)
def test_hostile_text_is_searched_in_linear_time(text: str) -> None:
    credentials_in_code(text)
    credentials_in_settings(text, netrc=True)


@given(st.text() | st.text(alphabet="pasword=:\"' \nghp_aB3sk-"))
def test_any_text_can_be_searched(text: str) -> None:
    for found in (*credentials_in_code(text), *credentials_in_settings(text, netrc=True)):
        assert 1 <= found.line <= text.count("\n") + 1
        assert found.secret in text
