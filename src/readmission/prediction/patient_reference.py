"""A caller's own reference to a patient. The log gets a keyed hash of it, so nobody is identifiable from the log."""

import hmac

from pydantic import SecretStr

from readmission.errors import InvalidInput, MissingSetting

SETTING = "PATIENT_REFERENCE_KEY"
MAX_BYTES = 256


class PatientReferences:
    """Hashes references: the same one under the same key gives the same hash."""

    def __init__(self, key: SecretStr | None) -> None:
        self._key = key.get_secret_value().encode() if key else b""

    def hashed(self, reference: bytes) -> str:
        """HMAC-SHA256 of a reference, as 64 hexadecimal digits.

        Raises :class:`InvalidInput` for an empty one or one above ``MAX_BYTES``, and :class:`MissingSetting` without a
        key: a reference that was dropped in silence would be missed only when it is needed.
        """
        if not 1 <= len(reference) <= MAX_BYTES:
            raise InvalidInput(f"a patient reference has 1 to {MAX_BYTES} bytes")
        if not self._key:
            raise MissingSetting(SETTING)
        return hmac.digest(self._key, reference, "sha256").hex()
