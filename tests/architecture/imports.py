"""Every import of a package as data: who imports what, on which line, and whether lazily."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """`importer` and `target` are dotted names; `lazy`: in a function, or for annotations only."""

    importer: str
    target: str
    file: Path
    line: int
    lazy: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.importer} imports {self.target}"


class Visitor(ast.NodeVisitor):
    """Collects (target, line, lazy) from one module, relative imports resolved."""

    def __init__(self, module: str, is_package: bool) -> None:
        self.package = module if is_package else module.rpartition(".")[0]
        self.lazy = 0
        self.found: list[tuple[str, int, bool]] = []

    def add(self, target: str, line: int) -> None:
        self.found.append((target, line, self.lazy > 0))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parents = self.package.split(".")
            base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [base])])
        for alias in node.names:
            self.add(base if alias.name == "*" else f"{base}.{alias.name}", node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        called = ast.unparse(node.func).rpartition(".")[2]
        if called in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                self.add(name.value, node.lineno)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outside in (*node.decorator_list, *node.args.defaults):
            self.visit(outside)
        self.lazy += 1
        for inside in node.body:
            self.visit(inside)
        self.lazy -= 1

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_If(self, node: ast.If) -> None:
        typing_only = ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        self.lazy += typing_only
        for inside in node.body:
            self.visit(inside)
        self.lazy -= typing_only
        for inside in node.orelse:
            self.visit(inside)


def imports(package: Path) -> Iterator[Import]:
    """All imports under the folder of a package; the package is named like its folder."""
    for file in sorted(package.rglob("*.py")):
        parts = (package.name, *file.relative_to(package).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        visitor = Visitor(module, is_package)
        visitor.visit(ast.parse(file.read_text(encoding="utf-8"), str(file)))
        for target, line, lazy in visitor.found:
            yield Import(module, target, file.relative_to(package.parent), line, lazy)
