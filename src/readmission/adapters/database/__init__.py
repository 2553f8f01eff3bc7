"""The three databases: ``RawDatabase``, ``CleanDatabase`` and ``InferenceDatabase``, each made from an SQLAlchemy URL.

Each name is imported at its first use, since serving imports ``InferenceDatabase`` and must not load pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from readmission.adapters.database.clean import CleanDatabase
    from readmission.adapters.database.inference import InferenceDatabase, PredictionRecord, PromotionRecord
    from readmission.adapters.database.raw import RawDatabase, StoredBatch
    from readmission.settings.parts import DatabaseSettings

__all__ = [
    "CleanDatabase",
    "InferenceDatabase",
    "PredictionRecord",
    "PromotionRecord",
    "RawDatabase",
    "StoredBatch",
    "migrate_all",
]

_MODULES = {
    "CleanDatabase": "clean",
    "InferenceDatabase": "inference",
    "PredictionRecord": "inference",
    "PromotionRecord": "inference",
    "RawDatabase": "raw",
    "StoredBatch": "raw",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def migrate_all(settings: "DatabaseSettings") -> None:
    """Migrate the three databases to their newest revision; running it again changes nothing.

    Raises ``MissingSetting`` when a URL is not set, and ``DatabaseUnavailable``.
    """
    from readmission.adapters.database.clean import CleanDatabase
    from readmission.adapters.database.inference import InferenceDatabase
    from readmission.adapters.database.raw import RawDatabase

    for kind in (RawDatabase, CleanDatabase, InferenceDatabase):
        with kind(settings.require(f"{kind.name}_database_url")) as database:
            database.migrate()
