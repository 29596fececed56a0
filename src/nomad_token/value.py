"""What every model here has in common."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Never changed once it is made; an error about it does not quote what was read, which may be a secret."""

    model_config = ConfigDict(
        frozen=True,
        hide_input_in_errors=True,
        # Its validation is built when it is first used: a step uses few of all the models that it imports.
        defer_build=True,
    )
