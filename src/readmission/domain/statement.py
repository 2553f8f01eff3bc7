"""What a signature states about a model version, as bytes. The signature itself is in ``adapters/signatures.py``."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

PROMOTED: Literal["promoted"] = "promoted"
REJECTED: Literal["rejected"] = "rejected"
SignedDecision = Literal["promoted", "rejected"]

# no other document that the same key may sign one day begins with this member
_FORMAT = {"format": "readmission-decision-1"}


@dataclass(frozen=True)
class Statement:
    """A decision about one version; the digests are sha256 in hexadecimal, of the model file and of the data set.

    The fields may hold any text, since those of a version in a registry may come from anybody.
    """

    model_name: str
    version: str
    onnx_digest: str
    dataset_digest: str
    decision: str

    def canonical(self) -> bytes:
        """The bytes that are signed: JSON with sorted members and without spaces. Two statements never share them."""
        text = json.dumps(_FORMAT | asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        # "surrogatepass": text from a registry may hold half of a surrogate pair, which plain UTF-8 refuses
        return text.encode("utf-8", "surrogatepass")
