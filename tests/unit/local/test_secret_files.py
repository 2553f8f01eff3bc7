import stat

import pytest
from cryptography.fernet import Fernet

from readmission.adapters.signatures import Signer
from readmission.local.secret_files import SecretFiles, UnsafeSecret


def test_a_secret_is_made_once(tmp_path):
    first = SecretFiles(tmp_path / "secrets").get("key")

    assert SecretFiles(tmp_path / "secrets").get("key") == first
    assert len(first) == 32


def test_two_secrets_differ(tmp_path):
    secrets = SecretFiles(tmp_path / "secrets")

    assert secrets.get("one") != secrets.get("two")


def test_only_this_user_may_read_a_secret(tmp_path):
    secrets = SecretFiles(tmp_path / "secrets")

    secrets.get("key")

    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "secrets" / "key").stat().st_mode) == 0o600


def test_a_secret_that_others_can_read_is_refused(tmp_path):
    secrets = SecretFiles(tmp_path / "secrets")
    secrets.get("key")
    (tmp_path / "secrets" / "key").chmod(0o644)

    with pytest.raises(UnsafeSecret, match="chmod 600"):
        secrets.get("key")


def test_a_file_left_empty_by_a_killed_start_is_refused(tmp_path):
    (tmp_path / "key").touch(mode=0o600)

    with pytest.raises(UnsafeSecret, match="is empty"):
        SecretFiles(tmp_path).get("key")


def test_a_fernet_key_is_one(tmp_path):
    key = SecretFiles(tmp_path).fernet_key("key")

    assert Fernet(key).decrypt(Fernet(key).encrypt(b"abc")) == b"abc"


def test_a_signing_key_is_one_and_stays_the_same(tmp_path):
    secrets = SecretFiles(tmp_path)

    public = {Signer(secrets.signing_key("key")).public_key for _ in range(2)}

    assert len(public) == 1
