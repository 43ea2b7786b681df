"""Parameters are read from the notebook's own cell and checked before a kernel starts."""

from __future__ import annotations

from typing import Any

import pytest

from mondrift.errors import RunError
from mondrift.run.parameters import Parameter, bind, parameters_of
from tests.run.notebooks import made

CELL = """store: str = "007"  # which shop
weeks: int = 4  # how many
level: float = 0.1  # how sure
quick: bool = False  # leave charts out"""


def declared(cell: str = CELL) -> tuple[Parameter, ...]:
    return parameters_of(made(parameters=cell), "notebooks/x.ipynb")


def bound(given: dict[str, Any], texts: dict[str, str] | None = None) -> dict[str, Any]:
    return bind(declared(), given, texts=texts, where="notebooks/x.ipynb")


def test_name_type_default_and_help_are_read() -> None:
    assert declared()[0] == Parameter("store", "str", "007", "which shop")
    assert [each.kind for each in declared()] == ["str", "int", "float", "bool"]


def test_a_notebook_without_the_cell_has_no_parameters() -> None:
    notebook = made("1 + 1")
    notebook.cells[1].metadata.pop("tags")
    assert parameters_of(notebook, "x") == ()


@pytest.mark.parametrize(
    "line", ["x = 1", "x: list = [1]", "x: int = 'a'", "x: int = f()", "x: int"]
)
def test_a_line_of_another_form_is_refused(line: str) -> None:
    with pytest.raises(RunError, match="not of the form"):
        declared(line)


def test_a_cell_that_is_no_python_is_refused() -> None:
    with pytest.raises(RunError, match="line 1 of the parameters cell is no Python"):
        declared("x: int = ")


def test_a_text_is_read_as_the_type_of_the_parameter() -> None:
    texts = {"store": "007", "weeks": "007", "level": "1", "quick": "yes"}
    assert bound({}, texts) == {"store": "007", "weeks": 7, "level": 1.0, "quick": True}


def test_the_command_line_wins_over_the_file() -> None:
    assert bound({"weeks": 2}, {"weeks": "3"}) == {"weeks": 3}


def test_every_complaint_comes_at_once_with_the_nearest_name() -> None:
    given = {"week": 2, "store": 7, "weeks": True, "level": "high"}
    with pytest.raises(RunError) as caught:
        bound(given, {"quick": "perhaps"})
    message = str(caught.value)
    assert message.startswith("The parameters do not fit notebooks/x.ipynb: ")
    for part in (
        "there is no parameter 'week'",
        "Did you mean 'weeks'?",
        "store is of type str, but 7 is a int. Put it in quotes.",
        "weeks is of type int, but True is a bool.",
        "level is of type float, but 'high' is a str.",
        "quick is of type bool, which 'perhaps' is not",
    ):
        assert part in message


def test_an_address_with_a_password_is_no_parameter() -> None:
    with pytest.raises(RunError, match="store holds a password; name connections by the environ"):
        bound({"store": "postgresql://ann:hunter22@db/x"})
