"""The words that some settings choose between."""

from typing import Literal

Durability = Literal["process-crash", "power-loss"]
Profile = Literal["auto", "local", "ssh", "plain"]
OnDetach = Literal["ask", "keep", "stop"]
Mouse = Literal["auto", "on", "off"]
