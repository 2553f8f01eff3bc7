"""A new candidate, route or DAG task has its few places (CONTRIBUTING.md); a test names the one that was forgotten."""

import re
import sys
import tomllib
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import skops.io
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

from readmission.domain.model_file import ModelFileMetadata
from readmission.modeling.candidate import Candidate
from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.modeling.export import export
from readmission.modeling.fit import fit

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture.md"


def section(document: Path, heading: str) -> str:
    """The text between a second-level heading and the next one."""
    return document.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


# a candidate: its module, the list in docs/architecture.md, and pyproject.toml for a library that is new


@pytest.fixture(scope="module", params=CANDIDATE_NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def place(name):
    return f"src/readmission/modeling/candidates/{name}.py"


@pytest.fixture(scope="module")
def declared(name, place):
    candidate = getattr(import_module(f"readmission.modeling.candidates.{name}"), "CANDIDATE", None)
    assert isinstance(candidate, Candidate), f"{place} has no CANDIDATE"
    return candidate


@pytest.fixture(scope="module")
def fitted(name, declared, split_cohort):
    assert declared
    return fit(name, split_cohort(600, 3), "any", seed=0)


def test_a_candidate_declares_exactly_the_types_that_it_is_made_of(declared, place, fitted, tmp_path):
    skops.io.dump(fitted, tmp_path / "model.skops")

    found = set(skops.io.get_untrusted_types(file=tmp_path / "model.skops"))

    missing, idle = found - set(declared.trusted_types), set(declared.trusted_types) - found
    assert not missing, f"trusted_types in {place} lacks {sorted(missing)}"
    assert not idle, f"trusted_types in {place} has {sorted(idle)}, which its model does not use"


def test_a_candidate_can_be_exported(name, place, fitted):
    metadata = ModelFileMetadata(
        "any", 0.5, 0.4, 0.6, "synthetic", name, True, "0" * 64, datetime(2026, 1, 1, tzinfo=UTC)
    )

    try:
        exported = export(fitted, metadata)
    except (MissingConverter, MissingShapeCalculator) as error:
        pytest.fail(f"converters in {place} lacks one: {str(error).splitlines()[0]}")

    assert exported


def test_a_candidate_declares_the_distributions_of_its_types(declared, place):
    packages = {type_.split(".")[0] for type_ in declared.trusted_types} - {"readmission", *sys.stdlib_module_names}
    needed = {packages_distributions()[package][0] for package in packages}

    assert not needed - set(declared.requirements), (
        f"requirements in {place} lacks {needed - set(declared.requirements)}"
    )


def test_the_pipeline_installs_what_a_candidate_requires(declared, place):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["pipeline"]]
    installed = {re.split(r"[<>=~! \[]", line)[0] for line in lines}

    missing = set(declared.requirements) - installed

    assert not missing, f"the extra pipeline in pyproject.toml lacks {sorted(missing)}, which {place} requires"


def test_the_architecture_names_the_candidate(name):
    assert f"`{name}`" in section(ARCHITECTURE, "Candidates and what is measured"), (
        f"docs/architecture.md, 'Candidates and what is measured', lacks `{name}`"
    )
