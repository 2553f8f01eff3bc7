"""Ed25519 signatures of the gate's decisions, as tags of a model version.

The pipeline has the private key and signs; the inference API has public keys and checks. A key is 32 bytes in URL-safe
base64; any 32 random bytes are a private key.
"""

import base64
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from readmission.domain.statement import PROMOTED, SignedDecision, Statement
from readmission.errors import MissingSetting, UntrustedModel

if TYPE_CHECKING:
    # the native run only derives the public key, and need not wait for MLflow's import
    from readmission.adapters.registry import ModelVersion

SIGNATURE = "signature"
SIGNED_DECISION = "signed_decision"
DATASET_DIGEST = "dataset_digest"


class Signer:
    """Signs decisions with one private key."""

    def __init__(self, private_key: str) -> None:
        """Raises ``ValueError`` when ``private_key`` is not 32 bytes in URL-safe base64."""
        self._key = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(private_key))

    @property
    def public_key(self) -> str:
        """The public half of the key, in the form of ``GATE_PUBLIC_KEY``."""
        return base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, version: "ModelVersion", decision: SignedDecision) -> dict[str, str]:
        """The tags that state ``decision`` about a version. The same decision gives the same tags."""
        signature = self._key.sign(_statement(version, decision).canonical())
        return {SIGNED_DECISION: decision, SIGNATURE: base64.b64encode(signature).decode()}


class TrustedKeys:
    """The public keys whose signatures the inference API accepts."""

    def __init__(self, public_keys: str | None) -> None:
        """``public_keys`` are separated by commas; raises ``ValueError`` for one that is not 32 bytes in base64."""
        listed = [each.strip() for each in (public_keys or "").split(",")]
        self._keys = [Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(each)) for each in listed if each]

    def check(self, version: "ModelVersion") -> None:
        """Check that a trusted key signed this version, with these digests, as promoted.

        Raises :class:`UntrustedModel` when none did, and :class:`MissingSetting` when there are no keys.
        """
        if not self._keys:
            raise MissingSetting("GATE_PUBLIC_KEY")
        name = f"{version.name} version {version.version}"
        decision, signature = version.tags.get(SIGNED_DECISION), version.tags.get(SIGNATURE)
        if decision is None or signature is None:
            raise UntrustedModel(f"{name} is not signed: the gate has not examined it, and nobody has signed it")
        if not self._verified(_statement(version, decision), signature):
            raise UntrustedModel(
                f"the signature of {name} is wrong: it was made for another version, other digests or another decision,"
                " or by a key that GATE_PUBLIC_KEY does not hold"
            )
        if decision != PROMOTED:
            raise UntrustedModel(f"{name} is signed as {decision}, not as {PROMOTED}")

    def _verified(self, statement: Statement, signature: str) -> bool:
        try:
            signed = base64.b64decode(signature, validate=True)
        except ValueError:
            return False
        return any(_verifies(key, signed, statement.canonical()) for key in self._keys)


def _statement(version: "ModelVersion", decision: str) -> Statement:
    dataset_digest = version.tags.get(DATASET_DIGEST, "")
    return Statement(version.name, version.version, version.onnx_digest, dataset_digest, decision)


def _verifies(key: Ed25519PublicKey, signature: bytes, statement: bytes) -> bool:
    try:
        key.verify(signature, statement)
    except InvalidSignature:
        return False
    return True
