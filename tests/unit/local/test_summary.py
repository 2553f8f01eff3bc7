import io
from typing import Any

from rich.console import Console

from doubles.inference_api import MODEL, MODEL_30D, FakeInferenceApi
from readmission.domain.example import EXAMPLE
from readmission.local.first_run import Served
from readmission.local.service import Health, Service
from readmission.local.summary import ServiceStatus, print_addresses, print_models, print_status

URL = "http://127.0.0.1:12345/with/a/path/that/is/longer/than/a/narrow/terminal"
SERVICE = Service("one", ("true",), Health(URL), url=URL, user="admin", password="hush[bold]")


def served(**models: Any) -> Served:
    api = FakeInferenceApi(models={"any": MODEL, "within_30_days": MODEL_30D} | models)
    return Served(api.models(), api.predict(EXAMPLE))


def printed(show, *arguments: object, width: int = 40) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(console, *arguments)
    return console.file.getvalue()


def test_nothing_is_cut_for_a_narrow_terminal():
    text = printed(print_addresses, [SERVICE])

    assert URL in text
    assert "hush[bold]" in text


def test_a_service_without_an_address_is_not_listed():
    assert "two" not in printed(print_addresses, [SERVICE, Service("two", ("true",), Health(URL))])


def test_the_model_of_each_horizon_is_shown_with_its_measures_and_its_prediction():
    text = printed(print_models, served(within_30_days=MODEL_30D | {"calibrated": False}), "", width=200)

    assert [[cell.strip() for cell in line.split("│")[2:4]] for line in text.splitlines() if "│" in line] == [
        ["diabetes_classifier version 3", "diabetes_classifier_30d version 5"],
        ["lightgbm", "lightgbm"],
        ["0.691", "0.658"],
        ["yes", "no: the risk is not a probability"],
        ["uci", "uci"],
        ["0.612, risk band high", "0.153, risk band medium"],
    ]
    assert "┃ readmission at any later time" in text
    assert "┃ readmission within 30 days" in text
    assert "SYNTHETIC" not in text
    assert "no model" not in text


def test_a_horizon_without_a_model_is_said_with_what_the_note_says_of_it():
    note = "any: version 3 promoted: better\nwithin_30_days: version 1 not promoted: its lower end is not above 0.55"

    text = printed(print_models, served(within_30_days=None), note, width=200)

    assert "none in production" in text
    assert "There is no model of readmission within 30 days in production." in text
    assert "not promoted: its lower end is not above 0.55" in text
    assert "better" not in text


def test_the_task_that_failed_for_a_horizon_is_named_when_its_model_is_missing():
    note = "register_best_model within_30_days: InvalidModel: not trained"

    assert note in printed(print_models, served(within_30_days=None), note, width=200)


def test_a_missing_model_of_which_the_note_says_nothing_points_to_the_runbook():
    text = printed(print_models, served(within_30_days=None), "fetch_data_from_api: no new data", width=200)

    assert 'docs/runbook.md, "A horizon has no model"' in text
    assert "no new data" not in text


def test_each_synthetic_horizon_is_said_loudly():
    text = printed(print_models, served(within_30_days=MODEL_30D | {"data_source": "synthetic"}), "", width=200)

    assert "SYNTHETIC DATA (readmission within 30 days)" in text


def test_a_state_shows_what_is_wrong():
    text = printed(print_status, [ServiceStatus(SERVICE, "RUNNING", 17, 3725.0, "answers 503")])

    assert "1:02:05" in text
    assert "answers 503" in text
