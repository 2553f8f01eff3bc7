"""A key pair of the gate, for tests only."""

import base64

from readmission.adapters.signatures import Signer

SIGNING_KEY = base64.urlsafe_b64encode(b"only for tests: the gate's key .").decode()
SIGNER = Signer(SIGNING_KEY)
PUBLIC_KEY = SIGNER.public_key
# of somebody who is not the gate
STRANGER = Signer(base64.urlsafe_b64encode(b"only for tests: a stranger's key").decode())
