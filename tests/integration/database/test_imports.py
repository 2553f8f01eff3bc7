"""Serving imports the inference database: that must stay light."""

import subprocess
import sys

import pytest

HEAVY = ("pandas", "pyarrow", "alembic", "numpy")


@pytest.mark.parametrize(
    "statement",
    [
        "import readmission.adapters.database.inference",
        "from readmission.adapters.database import InferenceDatabase, PredictionRecord, PromotionRecord, migrate_all",
    ],
)
def test_the_inference_database_loads_no_heavy_library(statement):
    program = f"import sys; {statement}; print([name for name in {HEAVY} if name in sys.modules])"

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_the_inference_database_can_be_migrated_without_pandas(tmp_path):
    program = (
        "import sys; sys.modules['pandas'] = sys.modules['pyarrow'] = None\n"
        "from readmission.adapters.database import InferenceDatabase\n"
        f"InferenceDatabase('sqlite:///{tmp_path}/inference.sqlite').migrate()"
    )

    subprocess.run([sys.executable, "-c", program], check=True)

    assert (tmp_path / "inference.sqlite").stat().st_size > 0


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    import readmission.adapters.database as database

    with pytest.raises(AttributeError, match="OtherDatabase"):
        _ = database.OtherDatabase
