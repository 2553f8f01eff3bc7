"""The environment of the pipeline's tasks in the last native run, for commands that use the same stores.

This module imports nothing of the extra ``local``: such a command also runs in an image without that extra.
"""

from collections.abc import Mapping

from readmission.local.service import SERVICES_FILE, load_services
from readmission.local.settings import LocalSettings


def task_environment() -> Mapping[str, str]:
    """The variables of the scheduler's process, secrets included; empty when no native run was started here."""
    scheduler = load_services(LocalSettings().run / SERVICES_FILE).get("airflow-scheduler")
    return scheduler.environment if scheduler else {}
