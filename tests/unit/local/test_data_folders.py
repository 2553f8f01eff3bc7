from pathlib import Path

from readmission.local.data_folders import delete_data, move_step
from readmission.services import BY_NAME, SERVICES

MYSQL = BY_NAME["mysql"]


def test_data_of_an_earlier_release_are_moved_to_where_they_are_looked_for(tmp_path):
    (tmp_path / "mariadb").mkdir()
    (tmp_path / "mariadb" / "patients.ibd").write_text("rows")

    move_step(MYSQL, tmp_path).run()

    assert (tmp_path / "mysql" / "patients.ibd").read_text() == "rows"
    assert not (tmp_path / "mariadb").exists()


def test_without_earlier_data_there_is_nothing_to_move(tmp_path):
    assert move_step(MYSQL, tmp_path) is None


def test_present_data_are_never_replaced_by_earlier_ones(tmp_path):
    for name in ("mysql", "mariadb"):
        (tmp_path / name).mkdir()

    assert move_step(MYSQL, tmp_path) is None


def test_all_data_of_the_catalogue_are_deleted_also_under_their_former_names(tmp_path):
    names = [name for spec in SERVICES for each in spec.folders for name in (each.name, each.formerly) if name]
    for name in (*names, "logs", "run", "secrets"):
        (tmp_path / name).mkdir()

    delete_data(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_is_kept(tmp_path):
    notes = Path(tmp_path, "my-notes")
    notes.mkdir()

    delete_data(tmp_path)

    assert notes.exists()
