"""The picture in docs/architecture.md is that of the graph."""

from code_location.architecture import PAGE, picture, with_picture


def test_the_picture_is_that_of_the_graph() -> None:
    page = PAGE.read_text()
    assert page == with_picture(page), "run python -m code_location.architecture"


def test_the_picture_has_the_ends_of_the_graph() -> None:
    lines = {line.strip() for line in picture().splitlines()}
    assert 'session_events["session_events<br/>date"]' in lines
    assert "eval_results --> scorecard" in lines
