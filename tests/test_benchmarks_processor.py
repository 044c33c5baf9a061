"""What the table of benchmarks says of the processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import results


@pytest.mark.parametrize(
    ("flags", "units"),
    [
        ("avx2 avx512f avx512_bf16", "with avx512_bf16"),
        ("avx512_bf16 amx_bf16", "with amx_bf16 and avx512_bf16"),
        ("avx2 avx512f", "no bf16 units"),
    ],
)
def test_it_is_named_with_its_bf16_units(
    flags: str, units: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tmp_path / "cpuinfo"
    facts.write_text(f"model name\t: Some EPYC\nflags\t\t: {flags}\n")
    monkeypatch.setattr(results, "CPU_FACTS", facts)
    assert results.processor() == f"Some EPYC ({units})"
