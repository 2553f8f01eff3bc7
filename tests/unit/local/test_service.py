import os
import stat

from readmission.local.service import Health, Service, load_services, save_services, write_private

SERVICE = Service(
    name="one",
    command=("sleep", "1"),
    health=Health("http://127.0.0.1:1/health", heartbeat="scheduler"),
    environment={"PASSWORD": 'a "quoted" % value\nof two lines'},
    ports={"HTTP": 1},
    port_setting="ONE_PORT",
    depends_on=("two",),
    vital_children=True,
)


def test_services_come_back_from_their_file_as_they_were(tmp_path):
    other = Service(name="other", command=("true",), health=Health("mariadb:///x.sock"))

    save_services(tmp_path / "services.json", [SERVICE, other])

    assert list(load_services(tmp_path / "services.json").values()) == [SERVICE, other]


def test_without_a_file_there_are_no_services(tmp_path):
    assert load_services(tmp_path / "services.json") == {}


def test_a_private_file_is_never_readable_by_others(tmp_path):
    path = tmp_path / "private"
    path.write_text("older")
    path.chmod(0o644)
    mask = os.umask(0)

    try:
        write_private(path, "secret")
    finally:
        os.umask(mask)

    assert path.read_text() == "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["private"]
