"""Sources: one module for each format that a recording can be made from.

Each has a function

    projects_and_events(<options>) -> Iterator[tuple[Project, Iterator[Event]]]

that yields every project once, with its events in the order of time (`repair.recording.event.Event`). The
events of a project are read before the next project is asked for. A source leaves `sequence` null
unless its format records one, and adds no midnight snapshots: `RecordingWriter` does both.
"""
