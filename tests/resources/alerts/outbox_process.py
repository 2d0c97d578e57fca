"""A process that notes a failing check and delivers it: `... OUTBOX URL [dies]`; `dies`: before that."""

import os
import signal
import sys
import time
from pathlib import Path

from resources.alerts.channels import WebhookChannel
from resources.alerts.outbox import Outbox
from tests.resources.alerts.test_incidents import failed


def main(path: str, url: str, *words: str) -> None:
    channels = [WebhookChannel(url, "http://ui")]
    with Outbox(Path(path)) as outbox:
        outbox.record([failed(1)], channels, [("run-1", time.time())])
        if "dies" in words:
            os.kill(os.getpid(), signal.SIGKILL)
        outbox.deliver(channels)


if __name__ == "__main__":
    main(*sys.argv[1:])
