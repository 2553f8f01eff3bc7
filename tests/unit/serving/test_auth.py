import pytest
from fastapi import Request
from pydantic import SecretStr

from readmission.errors import Forbidden, MissingSetting, Unauthorized
from readmission.serving.auth import AdminKey, ApiKeys


def request(key: bytes | None) -> Request:
    return Request({"type": "http", "headers": [(b"x-api-key", key)] if key is not None else []})


def test_without_keys_everybody_may_call():
    ApiKeys(None).check(request(None))


@pytest.mark.parametrize("key", [b"one", b"two", "clé".encode()])
def test_each_of_several_keys_opens(key):
    ApiKeys(SecretStr("one, two,clé")).check(request(key))


@pytest.mark.parametrize("key", [None, b"", b"three", b"one,two", b"ONE", b"\xff\x00"])
def test_any_other_key_is_refused(key):
    with pytest.raises(Unauthorized):
        ApiKeys(SecretStr("one,two")).check(request(key))


@pytest.mark.parametrize("setting", ["", ",", " , "])
def test_a_setting_without_a_key_does_not_open_the_door(setting):
    with pytest.raises(MissingSetting):
        ApiKeys(SecretStr(setting))


def test_the_admin_key_opens():
    AdminKey(SecretStr("a,b")).check(request(b"a,b"))


@pytest.mark.parametrize("key", [None, b"", b"a"])
def test_another_key_than_the_admins_is_refused(key):
    with pytest.raises(Unauthorized):
        AdminKey(SecretStr("a,b")).check(request(key))


@pytest.mark.parametrize("setting", [None, SecretStr("")])
def test_without_an_admin_key_the_route_is_closed(setting):
    with pytest.raises(Forbidden, match="ADMIN_API_KEY"):
        AdminKey(setting).check(request(b""))
