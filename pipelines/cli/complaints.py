"""How a failure is printed: what was wrong, and what to do next.

It imports no forecast, so that an error of a declaration is printed in the same way.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

# Printed text contains names and answers from outside: none of it is markup.
err = Console(stderr=True, markup=False)


def complain(message: str, hint: str) -> None:
    """Print on stderr what was wrong, and what to do next."""
    err.print(Text.assemble(("error:", "red"), f" {message}"), soft_wrap=True)
    if hint:
        err.print(f"  next: {hint}", highlight=False, soft_wrap=True)
