# The package's own names every model, which costs a type checker ten seconds. Its submodules are its own.
from typing import Any

def __getattr__(name: str) -> Any: ...
