from readmission.domain.gate.evidence import Limits
from readmission.pipeline.wiring import gate_limits, registries
from readmission.settings import PipelineSettings


def test_the_gate_has_the_floor_of_each_horizon():
    settings = PipelineSettings(gate_floor_any=0.61, gate_floor_within_30_days=0.56)

    assert gate_limits(settings) == {
        "any": Limits(floor=0.61, margin=0.01),
        "within_30_days": Limits(floor=0.56, margin=0.01),
    }


def test_each_horizon_has_the_registry_of_its_model_the_primary_first(monkeypatch):
    monkeypatch.setenv("HORIZONS", "within_30_days,any")

    found = {horizon: registry.model_name for horizon, registry in registries().items()}

    assert list(found.items()) == [("within_30_days", "diabetes_classifier_30d"), ("any", "diabetes_classifier")]
