"""``make up``: start all services, run the pipeline and make a first prediction, from any state of the machine."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from readmission.adapters.airflow_api import AirflowApi
from readmission.adapters.inference_api import InferenceApi
from readmission.errors import ReadmissionError
from readmission.local.environment import SERVICE_SETTINGS, base_environment, chosen, settings_from
from readmission.local.first_run import PipelineFailed, first_prediction, run_pipeline, served_all_the_same
from readmission.local.instance import Instance
from readmission.local.plan import Plan, make_plan
from readmission.local.ports import conflicts
from readmission.local.processes import end_marked
from readmission.local.programs import apt_prefix, find_programs, has_openmp, install_missing, with_everything
from readmission.local.report import Report
from readmission.local.service import Service, save_services
from readmission.local.startup import Startup
from readmission.local.summary import print_addresses, print_models
from readmission.settings import PageSettings


class PortsInUse(ReadmissionError):
    """Other programs use ports that the services need; the text has a line for each port."""


class ProgramMissing(ReadmissionError):
    """A program or library without a substitute is not installed; the text says how to install it."""


def up(instance: Instance, report: Report) -> None:
    """Start the services that do not run, run the pipeline once, and print addresses, models and first prediction.

    Raises a ``ReadmissionError`` whose text names the failed service, port or task, with its last log lines. When only
    the pipeline failed, what serves all the same is printed before.
    """
    begin = time.monotonic()
    with instance.locked():
        plan = _prepare(instance, report)
        ready = time.monotonic()
        _start(instance, plan, report)
    report.say(f"All {len(plan.services)} services are ready after {time.monotonic() - ready:.1f} s.")
    try:
        note = _run_pipeline(plan, report)
    except PipelineFailed as failure:
        _print_what_serves(plan, report, failure.note)
        raise
    print_addresses(report.console, plan.services)
    with _inference_api(plan) as api:
        print_models(report.console, first_prediction(api), note)
    for note in plan.notes:
        report.say(note)
    report.say(f"Done after {time.monotonic() - begin:.0f} s. Next: make status, make logs SERVICE=..., make down.")


def _prepare(instance: Instance, report: Report) -> Plan:
    """Make the plan after checking that its ports are free and installing the missing programs."""
    settings = chosen(*SERVICE_SETTINGS)
    if not instance.supervisor.is_running():
        end_marked(instance.mark, grace_seconds=5)
    found, installs = find_programs(), instance.local.install_programs
    reachable = with_everything(found) if installs and apt_prefix() is not None else found
    _check_ports(make_plan(settings, instance.local, reachable).services, instance)
    notes = []
    if installs:
        wanted = {service.name for service in make_plan(settings, instance.local, with_everything(found)).services}
        notes = install_missing(instance.supervisor.log_of("install"), report, wanted)
        for note in notes:
            report.say(note)
    if not has_openmp():
        raise ProgramMissing("libgomp.so.1 is missing, without which no model can be trained: apt-get install libgomp1")
    plan = make_plan(settings, instance.local, find_programs())
    plan.notes[:0] = notes
    return plan


def _check_ports(services: list[Service], instance: Instance) -> None:
    found = conflicts(services, instance.mark)
    if found:
        raise PortsInUse("\n".join(str(conflict) for conflict in found))


def _start(instance: Instance, plan: Plan, report: Report) -> None:
    supervisor = instance.supervisor
    changed = _changes(instance.services(), plan.services)
    for name, settings in changed.items():
        report.say(f"  {name}: changed since its last start: {', '.join(settings) or 'its command'}")
    save_services(supervisor.services_file, plan.services)
    supervisor.configure(plan.services)
    if supervisor.is_running():
        supervisor.reload()
        for name in changed:
            supervisor.stop_program(name)
    else:
        supervisor.start(base_environment())
    Startup(supervisor, report).run(plan)


def _changes(before: Mapping[str, Service], now: Iterable[Service]) -> dict[str, list[str]]:
    """The services whose definition changed, each with the names of its changed variables."""
    return {
        service.name: sorted(
            {name for name, _ in before[service.name].environment.items() ^ service.environment.items()}
        )
        for service in now
        # a change of depends_on affects the order of a start, not a running service
        if service.name in before and replace(before[service.name], depends_on=service.depends_on) != service
    }


def _run_pipeline(plan: Plan, report: Report) -> str:
    server = plan.service("airflow-api-server")
    airflow = AirflowApi.sign_in(str(server.url), str(server.user), str(server.password))
    try:
        return run_pipeline(airflow, report)
    finally:
        airflow.close()


def _print_what_serves(plan: Plan, report: Report, note: str) -> None:
    print_addresses(report.console, plan.services)
    with _inference_api(plan) as api:
        if served := served_all_the_same(api):
            print_models(report.console, served, note)


def _inference_api(plan: Plan) -> InferenceApi:
    page = settings_from(PageSettings, plan.environment)
    return InferenceApi(page.inference_api_url, api_key=page.page_api_key)
