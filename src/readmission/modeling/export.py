"""Export a fitted pipeline as an ONNX model file, and check that both give the same probabilities."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from onnx import ModelProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from readmission.domain.background import to_text
from readmission.domain.encoding import encode
from readmission.domain.model_file import BACKGROUND, INPUT, OUTPUT, PARITY_LIMIT, ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import InvalidModel
from readmission.modeling.candidates import CANDIDATE_NAMES, load

UNKNOWN_SHARE = 0.2
_OPSET = {"": 19, "ai.onnx.ml": 3}

Predict = Callable[[np.ndarray], np.ndarray]


def export(pipeline: Pipeline, metadata: ModelFileMetadata, background: np.ndarray | None = None) -> bytes:
    """The ONNX bytes of a fitted candidate; the same arguments give the same bytes.

    ``background``: as in ``domain.background``; without it, no prediction of the model can be explained. The graph
    starts after the encoder, since a server encodes with ``encoding.encode``. Raises :class:`InvalidModel` when the
    graph has not exactly one output of probabilities.
    """
    _register_converters()
    after_encoder = pipeline[1:]
    model = to_onnx(
        after_encoder,
        initial_types=[(INPUT, FloatTensorType([None, len(FEATURE_NAMES)]))],
        options={id(after_encoder): {"zipmap": False}},
        target_opset=_OPSET,
    )
    _keep_only_probabilities(model)
    stored = {} if background is None else {BACKGROUND: to_text(background)}
    helper.set_model_props(model, metadata.properties() | stored)
    return bytes(model.SerializeToString())


def parity(pipeline: Pipeline, predict: Predict, frame: pd.DataFrame) -> float:
    """The largest absolute difference of probability between pipeline and model file; 0 for an empty frame.

    ``frame``: clean encounters, which the pipeline encodes itself. ``predict``: the model file's prediction; it gets
    the same encounters as ``encoding.encode`` encodes them from records.
    """
    matrix = encode(_records(frame))
    expected = pipeline.predict_proba(frame)[:, 1]
    return float(np.abs(predict(matrix) - expected).max(initial=0.0))


def check_parity(pipeline: Pipeline, predict: Predict, frame: pd.DataFrame, seed: int = 0) -> float:
    """The larger parity of ``frame`` and of a copy with more unknown values.

    Raises :class:`InvalidModel` when it is not below ``PARITY_LIMIT``, and for a frame without rows.
    """
    if frame.empty:
        raise InvalidModel("there are no encounters to compare the model file with its pipeline on")
    largest = max(
        parity(pipeline, predict, frame), parity(pipeline, predict, with_unknowns(frame, UNKNOWN_SHARE, seed))
    )
    # "not <" instead of ">=", so that NaN fails
    if not largest < PARITY_LIMIT:
        raise InvalidModel(f"the model file differs from its pipeline by {largest:.2g}, allowed is {PARITY_LIMIT:.0e}")
    return largest


def with_unknowns(frame: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """A copy in which each feature is unknown in a random ``share`` of the rows."""
    random = np.random.default_rng(seed)
    stressed = frame.copy()
    for name in FEATURE_NAMES:
        stressed[name] = stressed[name].mask(random.random(len(frame)) < share)
    return stressed


def _register_converters() -> None:
    for name in CANDIDATE_NAMES:
        for converter in load(name).converters:
            converter.register()


def _records(frame: pd.DataFrame) -> list[Mapping[str, object]]:
    """Encounters as a caller of the inference API sends them: Python values, None for unknown."""
    features = frame.loc[:, list(FEATURE_NAMES)].astype(object)
    return list(features.where(features.notna(), None).to_dict("records"))


def _keep_only_probabilities(model: ModelProto) -> None:
    """Remove the label output: the platform applies its own threshold, and one output is faster than two."""
    kept = [output for output in model.graph.output if output.name == OUTPUT]
    if len(kept) != 1:
        raise InvalidModel(f"the exported graph has {len(kept)} outputs named {OUTPUT}")
    del model.graph.output[:]
    model.graph.output.extend(kept)
