import pytest

from readmission.domain.gate.evidence import Limits
from readmission.pipeline.wiring import gate_limits
from readmission.settings import PipelineSettings


@pytest.mark.parametrize(("target", "floor"), [("any", 0.60), ("within_30_days", 0.58)])
def test_the_gate_has_the_floor_of_the_target(target, floor):
    settings = PipelineSettings(target=target)

    assert gate_limits(settings) == Limits(floor=floor, margin=0.01)
