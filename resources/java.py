"""Checks that Spark finds a suitable Java, since Spark itself fails without a clear message.

Tested by `tests/resources/test_engine.py`.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from repair.errors import ConfigurationError

MIN_VERSION = 17


def require_java(master: str) -> None:
    """Raises ConfigurationError where there is no Java that Spark can use."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    found = f"JAVA_HOME is {home}" if home else "JAVA_HOME is not set and no `java` is on the PATH"
    if java and Path(java).is_file():
        output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'version "(\d+)', output)
        if version and int(version[1]) >= MIN_VERSION:
            return
        found = f"{java} is {output.splitlines()[0] if output else 'no Java'}"
    raise ConfigurationError(
        f"Spark's master is {master!r} (REPAIR_SPARK_MASTER); Spark needs Java {MIN_VERSION} or newer: "
        f"{found}. Install one (Debian: openjdk-17-jre-headless) or set JAVA_HOME; or unset "
        "REPAIR_SPARK_MASTER to run in this process"
    )
