import sys
from pathlib import Path

# The scripts import each other as scripts do: from the folder that they are in.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
