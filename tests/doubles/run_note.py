"""A double of the note of a run."""


class FakeRunNote:
    """Keeps what was written to it, the newest last."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        self.texts.append(text)
