"""The vendored drawing library: Vega, Vega-Lite and Vega-Embed in one gzipped script.

Rebuild it with `python -m mondrift.page.vendor` after an update of vl-convert-python; the versions
are noted in `assets/vega.json` and in the page's footer comment.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"


def rebuild(folder: Path = ASSETS) -> Path:
    """Write `vega.js.gz` and `vega.json` (versions, hash) into `folder`; return the script."""
    import vl_convert

    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # the stub lacks its default
    # Wrapped: the bundle's top-level names must not meet those of another script.
    script = "(()=>{" + bundle.strip() + "\n})();"
    packed = gzip.compress(script.encode(), compresslevel=9, mtime=0)
    notes = {
        "vega": vl_convert.get_vega_version(),
        "vega-embed": vl_convert.get_vega_embed_version(),
        "vega-lite": vl_convert.get_vegalite_versions()[-1],
        "licence": "BSD-3-Clause",
        "sha256": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    (folder / "vega.json").write_text(json.dumps(notes, indent=2, sort_keys=True) + "\n")
    target = folder / "vega.js.gz"
    target.write_bytes(packed)
    return target


@cache
def packed_bundle() -> str:
    """The gzipped script in base64: what stands once in every page with charts."""
    return base64.b64encode((ASSETS / "vega.js.gz").read_bytes()).decode()


@cache
def bundle_notes() -> dict[str, str]:
    """Versions of the libraries and `sha256` (base64) of the unpacked script, for the CSP."""
    notes: dict[str, str] = json.loads((ASSETS / "vega.json").read_text())
    return notes


if __name__ == "__main__":
    rebuild()
