"""Which scales of a domain differ by their mask, and the tables that compare them."""

from __future__ import annotations

from mocoda.artifacts import canonical_json
from mocoda.config import Config
from mocoda.domains import DOMAINS
from mocoda.errors import UserError


def mask_scales(config: Config, domain: str) -> list[tuple[str, str]]:
    """(scale, kind of mask) of the scales that `results/<domain>/masks.csv` compares.

    Raises UserError where the configuration names none.
    """
    scales = config.domains[domain]
    found = scales[config.default_scale].tables.mask_scales
    if not found:
        raise UserError(
            f"results/{domain}/masks.csv",
            expected=f"scales that differ by their mask, in domains.{domain}.tables.mask_scales",
            found="none",
            remedy="List them there.",
        )
    return [(scale, str(scales[scale].fit_mask["kind"])) for scale in found]


def mask_scales_text(config: Config, domain: str) -> str:
    """The settings of `compare_masks`, as one line of JSON."""
    return canonical_json({"scales": mask_scales(config, domain)})


def tables_of_masks(config: Config, domain: str) -> dict[str, list[str]]:
    """The tables that `compare_masks` reads, of each of its scales."""
    folders = [f"results/{domain}/{scale}" for scale, _ in mask_scales(config, domain)]
    found = {"tables": [f"{folder}/tables.csv" for folder in folders]}
    if DOMAINS[domain].true_dynamics is not None:
        found["validity"] = [f"{folder}/validity.csv" for folder in folders]
    if DOMAINS[domain].true_mask is not None:
        found["quality"] = [f"{folder}/mask_quality.csv" for folder in folders]
    return found
