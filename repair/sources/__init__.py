"""Importers: one module for each format that a recording can be made from.

Each has a function

    projects_and_events(<options>) -> Iterator[tuple[Project, Iterator[Event]]]

that yields every project once, with its events in time order (`repair.recording.event.Event`). The caller
reads the events of a project before it asks for the next one. A source leaves `sequence` null unless its
format records one, and adds no midnight snapshots: `RecordingWriter` does both.
"""
