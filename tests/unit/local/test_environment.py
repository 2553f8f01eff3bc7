from readmission.local.environment import base_environment, chosen
from readmission.settings import Settings


def test_what_the_user_set_is_passed_on_by_its_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_PATH", "encounters.csv")
    monkeypatch.setenv("API_KEYS", "one,two")
    monkeypatch.setenv("BATCH_SIZE", "100")

    found = chosen(Settings())

    assert found["DATA_PATH"] == str(tmp_path / "encounters.csv")
    assert found["API_KEYS"] == "one,two"
    assert found["BATCH_SIZE"] == "100"
    assert "MODEL_SEED" not in found


def test_what_we_set_ourselves_is_not_inherited():
    environ = {
        "PATH": "/bin",
        "AIRFLOW_HOME": "/other",
        "AIRFLOW__CORE__X": "1",
        "RAW_DATABASE_URL": "x",
        "S3_PORT": "1",
    }

    found = base_environment(environ)

    assert {name for name in found if name.upper() != "NO_PROXY"} == {"PATH"}


def test_python_may_write_its_bytecode():
    assert "PYTHONDONTWRITEBYTECODE" not in base_environment({"PYTHONDONTWRITEBYTECODE": "1"})


def test_a_proxy_is_kept_but_not_for_this_machine():
    found = base_environment({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "intranet,localhost"})

    assert found["HTTPS_PROXY"] == "http://proxy:3128"
    assert found["NO_PROXY"] == "intranet,localhost,127.0.0.1"
    assert found["no_proxy"] == "127.0.0.1,localhost"
