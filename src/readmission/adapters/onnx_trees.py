"""Reads the trees of a model file: what ``adapters.tree_tables`` evaluates faster than a graph runtime can.

The message types hold only the fields of onnx.proto that are needed, so the package ``onnx`` is not.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from readmission.domain.model_file import INPUT
from readmission.domain.schema import FEATURE_NAMES

# message: field: number, type, whether it is repeated (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto)
_MESSAGES: dict[str, dict[str, tuple[int, str, bool]]] = {
    "Attribute": {
        "name": (1, "string", False),
        "i": (3, "int64", False),
        "s": (4, "bytes", False),
        "floats": (7, "float", True),
        "ints": (8, "int64", True),
        "strings": (9, "bytes", True),
    },
    "Node": {
        "input": (1, "string", True),
        "output": (2, "string", True),
        "op_type": (4, "string", False),
        "attribute": (5, "Attribute", True),
    },
    "Tensor": {"int64_data": (7, "int64", True), "name": (8, "string", False), "raw_data": (9, "bytes", False)},
    "Graph": {"node": (1, "Node", True), "initializer": (5, "Tensor", True)},
    "Model": {"graph": (7, "Graph", False)},
}
_SPLIT, _LEAF = b"BRANCH_LEQ", b"LEAF"
_CLASSIFIER = "TreeEnsembleClassifier"


@dataclass(frozen=True)
class TreeEnsemble:
    """The nodes of all trees, as arrays of the same length; the first node of each tree is its root.

    A row goes to ``when_true`` if its value of ``feature`` is at most ``threshold``, and if the value is NaN and
    ``missing_is_true``. ``weight`` belongs to leaves. The sum of a row's leaves is its log-odds.
    """

    tree: np.ndarray
    leaf: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_is_true: np.ndarray
    when_true: np.ndarray
    when_false: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class _Columns:
    """The columns of a tensor: their positions in ``FEATURES``, and what stands for NaN in each (NaN: nothing)."""

    features: np.ndarray
    fill: np.ndarray


def read_trees(model_file: bytes) -> TreeEnsemble | None:
    """The trees of a model file; None when its graph is anything but imputed columns and one boosted ensemble."""
    try:
        return _read(model_file)
    # a graph of another form lacks an attribute or a node, or has them in another type; the runtime can still serve it
    except (KeyError, ValueError, IndexError, DecodeError):
        return None


def _read(model_file: bytes) -> TreeEnsemble | None:
    model: Any = _model_class()()
    model.ParseFromString(model_file)
    nodes = {output: node for node in model.graph.node for output in node.output}
    ensembles = [node for node in model.graph.node if node.op_type == _CLASSIFIER]
    if len(ensembles) != 1:
        return None
    tensors = {tensor.name: _integers(tensor) for tensor in model.graph.initializer}
    columns = _columns(ensembles[0].input[0], nodes, tensors)
    attributes = {attribute.name: attribute for attribute in ensembles[0].attribute}
    if columns is None or not _is_boosted(attributes):
        return None
    return _ensemble({name: _array(attribute) for name, attribute in attributes.items()}, columns)


def _is_boosted(attributes: dict[str, Any]) -> bool:
    """Whether the ensemble sums one weight for each leaf to the log-odds of the second class."""
    return (
        attributes["post_transform"].s == b"LOGISTIC"
        and set(attributes["nodes_modes"].strings) <= {_SPLIT, _LEAF}
        and len(set(attributes["class_ids"].ints)) == 1
        and "base_values" not in attributes
    )


def _ensemble(values: dict[str, np.ndarray], columns: _Columns) -> TreeEnsemble:
    tree, number = values["nodes_treeids"], values["nodes_nodeids"]
    position = {key: at for at, key in enumerate(zip(tree.tolist(), number.tolist(), strict=True))}
    feature, threshold = values["nodes_featureids"], values["nodes_values"]
    fill = columns.fill[feature]
    weight = np.zeros(len(tree), np.float32)
    leaves = zip(values["class_treeids"].tolist(), values["class_nodeids"].tolist(), strict=True)
    weight[[position[key] for key in leaves]] = values["class_weights"]
    leaf = np.array([mode == _LEAF for mode in values["nodes_modes"]])
    tracks = values.get("nodes_missing_value_tracks_true", np.zeros(len(tree), np.int64)).astype(bool)
    when_true, when_false = (
        np.array([position.get(key, 0) for key in zip(tree.tolist(), values[name].tolist(), strict=True)])
        for name in ("nodes_truenodeids", "nodes_falsenodeids")
    )
    missing_is_true = np.where(np.isnan(fill), tracks, fill <= threshold)
    chosen = columns.features[feature]
    return TreeEnsemble(tree, leaf, chosen, threshold, missing_is_true, when_true, when_false, weight)


def _columns(name: str, nodes: dict[str, Any], tensors: dict[str, np.ndarray]) -> _Columns | None:
    """What the columns of a tensor are made of; None for anything but features, selected, imputed and joined."""
    if name == INPUT:
        return _Columns(np.arange(len(FEATURE_NAMES)), np.full(len(FEATURE_NAMES), np.nan, np.float32))
    node = nodes[name]
    sources = [_columns(source, nodes, tensors) for source in node.input if source not in tensors]
    found = [source for source in sources if source is not None]
    if len(found) != len(sources):
        return None
    if node.op_type == "Concat":
        return _Columns(*(np.concatenate([getattr(one, key) for one in found]) for key in ("features", "fill")))
    if node.op_type == "ArrayFeatureExtractor":
        chosen = tensors[node.input[1]]
        return _Columns(found[0].features[chosen], found[0].fill[chosen])
    if node.op_type == "Imputer":
        (imputed,) = (_array(one) for one in node.attribute if one.name == "imputed_value_floats")
        return _Columns(found[0].features, np.where(np.isnan(found[0].fill), imputed, found[0].fill))
    return None


def _array(attribute: Any) -> np.ndarray:
    if attribute.floats:
        return np.array(attribute.floats, np.float32)
    return np.array(attribute.strings if attribute.strings else attribute.ints)


def _integers(tensor: Any) -> np.ndarray:
    return np.frombuffer(tensor.raw_data, np.int64) if tensor.raw_data else np.array(tensor.int64_data, np.int64)


@cache
def _model_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="readmission_onnx.proto", package="readmission.onnx")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            message.field.append(_field(field, number, kind, repeated=repeated))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("readmission.onnx.Model"))


def _field(name: str, number: int, kind: str, *, repeated: bool) -> descriptor_pb2.FieldDescriptorProto:
    field = descriptor_pb2.FieldDescriptorProto(name=name, number=number)
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind in _MESSAGES:
        field.type, field.type_name = field.TYPE_MESSAGE, f".readmission.onnx.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")
    return field
