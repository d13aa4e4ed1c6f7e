"""The error of what does not cross."""


class CodecError(ValueError):
    """A value is not carried, or bytes are not a value."""


class UncarriedTypeError(CodecError):
    """A value of a type that is not carried."""

    def __init__(self, kind: type) -> None:
        super().__init__(f"a value of type {kind.__name__}, which does not cross")
        self.kind = kind
