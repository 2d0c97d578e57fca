"""The Java that Spark needs, asked for before Spark fails without saying why."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from repair.errors import ConfigurationError

OLDEST = 17


def require_java(master: str) -> None:
    """Raises ConfigurationError where no Java is found that Spark runs on."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    found = f"JAVA_HOME is {home}" if home else "JAVA_HOME is not set and no `java` is on the PATH"
    if java and Path(java).is_file():
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'version "(\d+)', said)
        if version and int(version[1]) >= OLDEST:
            return
        found = f"{java} is {said.splitlines()[0] if said else 'no Java'}"
    raise ConfigurationError(
        f"Spark's master is {master!r} (REPAIR_SPARK_MASTER); Spark needs Java {OLDEST} or newer: {found}. "
        "Install one (Debian: openjdk-17-jre-headless) or set JAVA_HOME; or unset REPAIR_SPARK_MASTER to run "
        "in this process"
    )
