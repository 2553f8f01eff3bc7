"""A model file in memory, for serving and for the promotion gate. It needs only numpy and ONNX Runtime."""

from functools import cached_property
from typing import Self

import numpy as np
import onnxruntime as ort

from readmission.adapters.onnx_trees import TreeEnsemble, read_trees
from readmission.adapters.tree_tables import JoinedTables, TreeTables
from readmission.domain.background import from_text
from readmission.domain.feature_rows import FIRST_ROWS, POSITIONS, ROW_VALUES, VALUES
from readmission.domain.model_file import BACKGROUND, INPUT, OUTPUT, ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import InvalidModel

# how many random encounters a model and its tables are compared on
_COMPARED = 500


class OnnxModel:
    """A checked model file, ready to predict; safe to share between threads."""

    def __init__(
        self,
        session: ort.InferenceSession,
        metadata: ModelFileMetadata,
        background: np.ndarray | None,
        trees: TreeEnsemble | None = None,
    ) -> None:
        """``background``: as in ``domain.background``; None in the files of earlier releases."""
        self._session = session
        self.metadata = metadata
        self.background = background
        self._trees = trees

    @cached_property
    def tables(self) -> TreeTables | None:
        """Tables that give the same probabilities faster; None for a model that has none, or that differs from them.

        Making them takes about 30 ms.
        """
        tables = TreeTables.of(self._trees) if self._trees is not None else None
        return tables if tables is not None and _agree(tables, self) else None

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Load and check a model file; raises :class:`InvalidModel` when it violates ``domain.model_file``."""
        try:
            session = ort.InferenceSession(data, _session_options(), providers=["CPUExecutionProvider"])
        # the runtime's error classes have no common base but Exception
        except Exception as error:
            raise InvalidModel(f"the model file cannot be loaded: {type(error).__name__}") from error
        _check_shape(session)
        properties = dict(session.get_modelmeta().custom_metadata_map)
        background = from_text(properties[BACKGROUND]) if BACKGROUND in properties else None
        return cls(session, ModelFileMetadata.from_properties(properties), background, read_trees(data))

    def predict_probability(self, matrix: np.ndarray) -> np.ndarray:
        """The probability of readmission of each row: ``(n, len(FEATURES))`` float32 to ``(n,)`` float32 in [0, 1].

        Raises :class:`InvalidModel` when the model cannot compute it.
        """
        try:
            (probabilities,) = self._session.run([OUTPUT], {INPUT: matrix})
        except Exception as error:
            raise InvalidModel(f"the model cannot predict: {type(error).__name__}") from error
        return np.asarray(probabilities[:, 1])


def _agree(tables: TreeTables, model: OnnxModel) -> bool:
    """Whether tables and model give the same probability, to the last bit, for random encounters."""
    random = np.random.default_rng(0)
    rows = np.column_stack(
        [first + random.integers(len(v), size=_COMPARED) for first, v in zip(FIRST_ROWS, VALUES, strict=True)]
    )
    matrix = np.empty(rows.shape, np.float32)
    matrix[:, POSITIONS] = ROW_VALUES[rows]
    joined = JoinedTables([tables])
    found = [joined.probabilities(joined.kept(row))[0] for row in rows]
    return bool((model.predict_probability(matrix) == np.array(found, np.float32)).all())


def _session_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    # the server's workers run in parallel already; a thread pool for each model would compete with them for the cores
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # the arena keeps the memory of the largest batch for as long as the model is loaded
    options.enable_cpu_mem_arena = False
    return options


def _check_shape(session: ort.InferenceSession) -> None:
    inputs = [(item.name, item.type, item.shape[1:]) for item in session.get_inputs()]
    if inputs != [(INPUT, "tensor(float)", [len(FEATURE_NAMES)])]:
        raise InvalidModel(f"the model takes {inputs}, not {len(FEATURE_NAMES)} floats named {INPUT}")
    outputs = {item.name: (item.type, item.shape[1:]) for item in session.get_outputs()}
    if outputs.get(OUTPUT) != ("tensor(float)", [2]):
        raise InvalidModel(f"the model gives {outputs}, not two floats named {OUTPUT}")
