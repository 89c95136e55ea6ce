"""A process that takes a file in, until it is killed."""

import sys
from pathlib import Path

from transfer_scenes import import_into

import_into(Path(sys.argv[1]), Path(sys.argv[2]))
