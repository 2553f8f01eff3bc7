"""Task 1: is the data source there?"""

from readmission.adapters.data_api import DataApi
from readmission.log import get_logger

log = get_logger(__name__)


def check_ec2_status(*, data_api: DataApi) -> None:
    """Ask the data API's health route, which consumes no batch; raises :class:`SourceUnavailable` when it is down."""
    data_api.health()
    log.info("data API answers")
