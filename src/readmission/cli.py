"""The command line. Each command imports the function that it calls only when it runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from pydantic import ValidationError

from readmission.domain.horizon import HorizonName
from readmission.errors import InvalidInput, NotFound, ReadmissionError
from readmission.settings import DataApiSettings, InferenceSettings, PipelineSettings
from readmission.settings.base import EnvironmentSettings

if TYPE_CHECKING:
    from readmission.adapters.database import InferenceDatabase
    from readmission.adapters.registry import ModelRegistry
    from readmission.adapters.signatures import Signer
    from readmission.local.instance import Instance
    from readmission.local.report import Report

SettingsT = TypeVar("SettingsT", bound=EnvironmentSettings)
HorizonOption = Annotated[
    str | None,
    typer.Option("--horizon", help="any or within_30_days. Without it: the primary horizon, the first of HORIZONS."),
]

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)


@app.command()
def data_api() -> None:
    """Serve the encounters in batches."""
    from readmission.data_api.server import main

    main(_server_settings(DataApiSettings))


@app.command()
def serve() -> None:
    """Serve the models in production."""
    from readmission.serving.server import main

    main(_server_settings(InferenceSettings))


@app.command()
def migrate() -> None:
    """Migrate the tables of every database in the settings; with GATE_SIGNING_KEY, sign the promoted models."""
    from readmission.adapters.database import migrate_all

    with _errors_shown():
        settings = _pipeline_settings()
        migrate_all(settings)
        if settings.gate_signing_key is not None:
            _sign_promoted(settings)


def _sign_promoted(settings: PipelineSettings) -> None:
    from readmission.pipeline.signing import sign_promoted_versions

    signer = _signer(settings)
    with _stores(settings) as (registries, inference):
        for registry in registries.values():
            for number in sign_promoted_versions(registry=registry, inference=inference, signer=signer):
                typer.echo(f"{registry.model_name} version {number} is signed as promoted.")


@app.command()
def synthetic_parameters(
    path: Annotated[Path, typer.Argument(help="A file of real encounters.")],
    target: Annotated[Path, typer.Argument(help="Where the parameters are written (JSON).")],
) -> None:
    """Fit the parameters of the synthetic cohort to real encounters; the package reads its own parameters.json."""
    from readmission.synthetic.fit import main

    main(path, target)


@app.command()
def up() -> None:
    """Start everything on this machine, run the pipeline once, show a first prediction."""
    from readmission.local import up

    with _native() as (instance, report):
        up.up(instance, report)


@app.command()
def programs() -> None:
    """Install MariaDB and Prometheus if that needs no password; otherwise list what is missing."""
    from readmission.local.programs import install_missing

    with _native() as (instance, report), instance.locked():
        for note in install_missing(instance.supervisor.log_of("install"), report):
            report.say(note)


@app.command()
def down() -> None:
    """Stop everything that `up` started and keep the data."""
    from readmission.local import down

    with _native() as (instance, report):
        down.down(instance, report)


@app.command()
def reset(
    force: Annotated[bool, typer.Option("--force", help="Do not ask.")] = False,
) -> None:
    """Stop everything and delete its data, secrets and logs."""
    from readmission.local import down

    with _native() as (instance, report):
        if not force:
            typer.confirm(f"Delete all data, models and secrets under {instance.local.home}?", abort=True)
        down.reset(instance, report)


@app.command()
def status() -> None:
    """Show every service; the exit code is 0 only when all of them are healthy."""
    from readmission.local.status import statuses
    from readmission.local.summary import print_status

    with _native() as (instance, report):
        found = statuses(instance)
        if not found:
            raise NotFound("Nothing was started here yet: make up.")
        print_status(report.console, found)
        if not all(each.is_well for each in found):
            raise typer.Exit(1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="A name that `status` shows.")] = "",
    lines: Annotated[int, typer.Option(min=0, help="How many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option(help="Go on as more are written.")] = True,
) -> None:
    """Show a service's log."""
    from readmission.local.status import show_log

    with _native() as (instance, _):
        show_log(instance, service, lines=lines, follow=follow)


@app.command()
def rollback(
    reason: Annotated[str, typer.Argument(help="Why; it goes to the ledger.")], horizon: HorizonOption = None
) -> None:
    """Put the previous model version of one horizon back into production."""
    from getpass import getuser

    from readmission.adapters.signatures import TrustedKeys
    from readmission.pipeline.roll_back import roll_back

    with _errors_shown():
        settings = _pipeline_settings()
        asked = _horizon(horizon, settings)
        trusted = TrustedKeys(_signer(settings).public_key) if settings.gate_signing_key else None
        with _stores(settings) as (registries, inference):
            restored = roll_back(reason, getuser(), registry=registries[asked], inference=inference, trusted=trusted)
        typer.echo(
            f"{restored.name} version {restored.version} (horizon {asked}) is in production again; the inference API"
            " follows by itself."
        )


@app.command()
def sign(
    version: Annotated[str, typer.Argument(help="The number of a version of the horizon's registered model.")],
    reason: Annotated[str, typer.Option(help="Why; it goes to the ledger.")],
    horizon: HorizonOption = None,
) -> None:
    """Sign a model version as promoted, so that the inference API loads it when it is in production."""
    from getpass import getuser

    from readmission.pipeline.signing import sign_version

    with _errors_shown():
        settings = _pipeline_settings()
        asked, signer = _horizon(horizon, settings), _signer(settings)
        with _stores(settings) as (registries, inference):
            signed = sign_version(
                version, reason, getuser(), registry=registries[asked], inference=inference, signer=signer
            )
        typer.echo(
            f"{signed.name} version {signed.version} (horizon {asked}) is signed as promoted. It is served while it has"
            " the alias production."
        )


@app.command()
def public_key() -> None:
    """Print the public key of the pipeline's GATE_SIGNING_KEY: the value of GATE_PUBLIC_KEY."""
    with _errors_shown():
        typer.echo(_signer(_pipeline_settings()).public_key)


def _horizon(asked: str | None, settings: PipelineSettings) -> HorizonName:
    """The horizon that was asked for, by default the primary one; raises :class:`InvalidInput` for any other."""
    if asked is None:
        return settings.horizons[0]
    for name in settings.horizons:
        if name == asked:
            return name
    raise InvalidInput(f"--horizon {asked}: it must be one of HORIZONS={','.join(settings.horizons)}")


def _signer(settings: PipelineSettings) -> "Signer":
    from readmission.adapters.signatures import Signer

    return Signer(settings.require("gate_signing_key"))


@contextmanager
def _stores(
    settings: PipelineSettings,
) -> Iterator[tuple[dict[HorizonName, "ModelRegistry"], "InferenceDatabase"]]:
    """The registered model of each horizon, and the ledger of these settings."""
    from readmission.adapters.database import InferenceDatabase
    from readmission.adapters.mlflow_requests import limit_requests, sign_in
    from readmission.adapters.registry import ModelRegistry

    limit_requests(os.environ, timeout_seconds=10, retries=2)
    sign_in(os.environ, settings)
    uri, models = settings.mlflow_tracking_uri, settings.registered_models()
    registries = {horizon: ModelRegistry(uri, name) for horizon, name in models.items()}
    with InferenceDatabase(settings.require("inference_database_url")) as inference:
        yield registries, inference


def _pipeline_settings() -> PipelineSettings:
    """Settings from the environment, completed by those of this machine's native run if they mean the same stores."""
    from dotenv import load_dotenv

    from readmission.local.environment import chosen, settings_from
    from readmission.local.last_start import task_environment
    from readmission.local.settings import PROJECT

    load_dotenv(PROJECT / ".env")
    native, ours = task_environment(), chosen(PipelineSettings)
    stores = ("INFERENCE_DATABASE_URL", "MLFLOW_TRACKING_URI")
    # a key or password of the native run must not reach another platform
    if any(name in ours and ours[name] != native.get(name) for name in stores):
        return PipelineSettings()
    return settings_from(PipelineSettings, {**native, **ours})


def _server_settings(kind: type[SettingsT]) -> SettingsT:
    """The settings of a server; a wrong one is shown as a sentence, not as a traceback."""
    with _errors_shown():
        return kind()


@contextmanager
def _native() -> Iterator[tuple["Instance", "Report"]]:
    """The native run of this machine and a report for its progress, with ``.env`` loaded and errors shown."""
    from dotenv import load_dotenv
    from rich.console import Console

    from readmission.local.instance import Instance
    from readmission.local.report import Report
    from readmission.local.settings import PROJECT, LocalSettings

    os.umask(0o077)  # files of the native run may hold secrets or patients' data
    load_dotenv(PROJECT / ".env")
    with _errors_shown():
        yield Instance(LocalSettings()), Report(Console())


@contextmanager
def _errors_shown() -> Iterator[None]:
    """Print the text of an expected error and exit with code 1; an interrupt exits with code 130."""
    try:
        yield
    except ReadmissionError as error:
        _fail(str(error))
        raise typer.Exit(1) from error
    except ValidationError as error:
        _fail("\n".join(_wrong_settings(error)))
        raise typer.Exit(1) from error
    except KeyboardInterrupt as interrupt:
        _fail("Interrupted. What runs goes on: make up continues, make status shows it, make down stops it.")
        raise typer.Exit(130) from interrupt


def _fail(text: str) -> None:
    typer.secho(text, fg=typer.colors.RED, bold=True)


def _wrong_settings(error: ValidationError) -> list[str]:
    """A line for each invalid variable, without its value, which may be a secret."""
    details = error.errors(include_input=False, include_url=False)
    return [
        f"{'.'.join(map(str, each['loc'])).upper()}: {each['msg'].removeprefix('Value error, ')} (see .env.example)"
        for each in details
    ]


if __name__ == "__main__":
    app()
