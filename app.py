"""Reads the configuration and builds the stack: no AWS call, no git, no network but for pip's first run.

`cdk deploy -c config=PATH` takes another configuration than archiver.toml.
"""

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "lambdas")]
os.environ.setdefault(  # the Node that came with this Python; the one on the PATH may be missing or too old
    "JSII_NODE", shutil.which("node", path=str(Path(sys.executable).parent)) or "node"
)

from infra.main import main  # noqa: E402 - needs the two settings above

sys.exit(main())
