"""The EC2 instance that runs the data API: its state, and its start.

boto3 finds the credentials and the endpoint (``AWS_ENDPOINT_URL``) in its usual places.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  botocore's, not the builtin: every way in which the endpoint does not answer
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from readmission.errors import InvalidInput, MissingSetting, NotFound, SourceUnavailable, Unauthorized
from readmission.settings.parts import InstanceSettings

UNKNOWN = {"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"}
# not ExpiredToken and RequestExpired: new credentials or a clock that is set right mend them
FORBIDDEN = {
    "AccessDenied",
    "AuthFailure",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
}
# the state changed between our two requests; the next poll sees the new state
OVERTAKEN = "IncorrectInstanceState"


class Ec2Instance:
    """One instance, named by its id or found by one tag.

    Methods raise :class:`NotFound` (no such instance), :class:`InvalidInput` (several carry the tag),
    :class:`Unauthorized` (credentials or permission) and :class:`SourceUnavailable` (throttled, expired, no answer).
    """

    def __init__(self, client: Any, *, instance_id: str | None = None, tag: tuple[str, str] | None = None) -> None:
        self._client = client
        self._instance_id = instance_id
        self._tag = tag

    @classmethod
    def from_settings(cls, settings: InstanceSettings) -> Self | None:
        """The instance that the settings name; None when they name none.

        Raises :class:`MissingSetting` without a region, and :class:`InvalidInput` for a region, profile or endpoint
        that AWS does not know.
        """
        if settings.instance_id is None and settings.ec2_instance_tag is None:
            return None
        config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
        try:
            # a session of its own: boto3's default one keeps the first credentials that it saw
            client = boto3.Session().client("ec2", region_name=settings.aws_region, config=config)
        except NoRegionError as error:
            raise MissingSetting("AWS_REGION") from error
        except (BotoCoreError, ValueError) as error:
            raise InvalidInput(f"the AWS settings cannot be used: {error}") from error
        return cls(client, instance_id=settings.instance_id, tag=settings.instance_tag())

    def state(self) -> str:
        """EC2's name: ``pending``, ``running``, ``stopping``, ``stopped``, ``shutting-down``, ``terminated``."""
        return str(self._describe()["State"]["Name"])

    def start(self) -> None:
        """Ask EC2 to start the instance and return at once.

        An instance that runs, starts or has just changed its state is left alone.
        """
        with _translated():
            try:
                self._client.start_instances(InstanceIds=[self._describe()["InstanceId"]])
            except ClientError as error:
                if _code(error) != OVERTAKEN:
                    raise

    def _describe(self) -> dict[str, Any]:
        with _translated():
            answer = self._client.describe_instances(**self._question())
        found = [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]
        # a terminated instance keeps its tags for an hour, so the instance that replaced it is preferred
        alive = [instance for instance in found if instance["State"]["Name"] != "terminated"]
        if not found:
            raise NotFound(f"no EC2 instance is {self}")
        if len(alive) > 1:
            raise InvalidInput(f"{len(alive)} EC2 instances are {self}: set INSTANCE_ID")
        return dict((alive or found)[0])

    def _question(self) -> dict[str, Any]:
        if self._instance_id is not None:
            return {"InstanceIds": [self._instance_id]}
        if self._tag is None:
            raise MissingSetting("INSTANCE_ID")
        name, value = self._tag
        return {"Filters": [{"Name": f"tag:{name}", "Values": [value]}]}

    def __str__(self) -> str:
        return self._instance_id or "tagged {}={}".format(*(self._tag or ("", "")))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise Unauthorized("AWS credentials are missing or incomplete") from error
    except (ConnectionError, HTTPClientError) as error:
        raise SourceUnavailable(f"AWS does not answer: {error}") from error
    except ClientError as error:
        raise _translation(error) from error
    except BotoCoreError as error:
        raise SourceUnavailable(f"AWS cannot be asked: {type(error).__name__}") from error


def _translation(error: ClientError) -> Exception:
    code, operation = _code(error), error.operation_name
    if code in UNKNOWN:
        return NotFound(f"{operation}: no such EC2 instance ({code})")
    if code in FORBIDDEN:
        return Unauthorized(f"{operation} is not allowed to these AWS credentials ({code})")
    return SourceUnavailable(f"{operation} failed for now: {code}")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
