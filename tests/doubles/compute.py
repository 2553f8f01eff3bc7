"""The EC2 instance of the data API, in memory."""

from dataclasses import dataclass, field


@dataclass
class FakeInstance:
    """A double of ``adapters.compute.Ec2Instance``; ``InstanceContract`` holds both.

    ``failing`` holds the error of a call by its name.
    """

    current: str = "running"
    failing: dict[str, Exception] = field(default_factory=dict)
    starts: int = 0

    def state(self) -> str:
        self._fail("state")
        return self.current

    def start(self) -> None:
        self._fail("start")
        self.starts += 1
        if self.current == "stopped":
            self.current = "pending"

    def _fail(self, call: str) -> None:
        if call in self.failing:
            raise self.failing[call]
