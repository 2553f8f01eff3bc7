import io

from rich.console import Console

from readmission.local.first_run import Served
from readmission.local.service import Health, Service
from readmission.local.summary import ServiceStatus, print_addresses, print_model, print_status

URL = "http://127.0.0.1:12345/with/a/path/that/is/longer/than/a/narrow/terminal"
SERVICE = Service("one", ("true",), Health(URL), url=URL, user="admin", password="hush[bold]")


def served(source: str) -> Served:
    model = {"name": "m", "version": "3", "candidate": "c", "data_source": source, "metrics": {"test_roc_auc": 0.69123}}
    return Served(model, {"probability": 0.25, "risk_band": "low"})


def printed(show, *arguments: object) -> str:
    console = Console(file=io.StringIO(), width=40)
    show(console, *arguments)
    return console.file.getvalue()


def test_nothing_is_cut_for_a_narrow_terminal():
    text = printed(print_addresses, [SERVICE])

    assert URL in text
    assert "hush[bold]" in text


def test_a_service_without_an_address_is_not_listed():
    assert "two" not in printed(print_addresses, [SERVICE, Service("two", ("true",), Health(URL))])


def test_the_model_is_shown_with_its_measure_and_source():
    text = printed(print_model, served("uci"))

    assert "m version 3" in text
    assert "0.691" in text
    assert "SYNTHETIC" not in text


def test_a_synthetic_model_is_said_loudly():
    assert "SYNTHETIC DATA" in printed(print_model, served("synthetic"))


def test_a_state_shows_what_is_wrong():
    text = printed(print_status, [ServiceStatus(SERVICE, "RUNNING", 17, 3725.0, "answers 503")])

    assert "1:02:05" in text
    assert "answers 503" in text
