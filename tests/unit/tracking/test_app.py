import pytest

from readmission.errors import MissingSetting
from readmission.settings import TrackingSettings
from readmission.tracking.app import ACCOUNTS, accounts

PASSWORDS = {f"mlflow_{name}_password": f"of {name}" for name in ACCOUNTS}


def test_serving_is_the_one_account_that_may_only_read():
    found = accounts(TrackingSettings(**PASSWORDS))

    assert {account.name: account.may_write for account in found} == {"admin": True, "pipeline": True, "serving": False}


@pytest.mark.parametrize("missing", sorted(PASSWORDS))
def test_a_server_whose_account_has_no_password_does_not_start(monkeypatch, missing):
    monkeypatch.delenv(missing.upper(), raising=False)
    settings = TrackingSettings(**{name: value for name, value in PASSWORDS.items() if name != missing})

    with pytest.raises(MissingSetting, match=missing.upper()):
        accounts(settings)
