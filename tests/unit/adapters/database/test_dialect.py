"""Which URLs are taken, and that a refused one never shows its password."""

import pytest

from readmission.adapters.database.dialect import describe, parse_url
from readmission.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    "scheme", ["mysql", "mysql+mysqlconnector", "mysql+pymysql", "mariadb", "mariadb+mysqlconnector"]
)
def test_every_mysql_url_uses_the_one_driver(scheme):
    url = parse_url(f"{scheme}://app:secret@db:3307/raw_data_db")

    assert url.drivername == "mysql+mysqlconnector"
    assert describe(url) == "raw_data_db at db:3307"


def test_an_sqlite_file_is_taken():
    assert describe(parse_url("sqlite:////var/lib/raw.sqlite")) == "/var/lib/raw.sqlite"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hidden-word",
        "://hidden-word",
        "mysql://app:hidden-word@host:port/db",
        "postgresql://app:hidden-word@db/raw",
        "oracle+hidden-word://db",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_other_urls_are_refused_without_being_quoted(url):
    with pytest.raises(DatabaseUnavailable) as caught:
        parse_url(url)

    assert "hidden-word" not in str(caught.value)
