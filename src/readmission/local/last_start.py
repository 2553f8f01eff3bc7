"""What the last start on this machine gave to the pipeline's tasks, for commands that work on the same stores.

It imports nothing of the extra ``local``: such a command also runs in an image without it.
"""

from collections.abc import Mapping

from readmission.local.service import SERVICES_FILE, load_services
from readmission.local.settings import LocalSettings


def task_environment() -> Mapping[str, str]:
    """The variables of the scheduler's process, secrets included; none where no native run was ever started."""
    scheduler = load_services(LocalSettings().run / SERVICES_FILE).get("airflow-scheduler")
    return scheduler.environment if scheduler else {}
