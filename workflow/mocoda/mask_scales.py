"""Which scales of a domain differ by their mask, and the tables that compare them."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from mocoda.artifacts import canonical_json
from mocoda.code_version import code_version
from mocoda.config import Config
from mocoda.domains import DOMAINS
from mocoda.errors import UserError
from mocoda.masks import MASKS
from mocoda.workflow import DATA, generated_columns, generated_files, oracle_files, table_dynamics


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


def without_truth(domain: str) -> bool:
    """Whether the domain's local graphs are unknown, so that masks can only be set beside one
    another."""
    return DOMAINS[domain].true_mask is None


def mask_scales_text(config: Config, domain: str) -> str:
    """The settings of `compare_masks`, as one line of JSON."""
    compared = mask_scales(config, domain)
    settings: dict[str, Any] = {"scales": compared}
    if without_truth(domain):
        sections = [config.domains[domain][scale] for scale, _ in compared]
        shares = {section.train_dynamics.validation_share for section in sections}
        shares |= {section.fit_mask.get("validation_share", 1.0) for section in sections}
        settings["seeds"] = data_seeds(config, domain, compared[0][0])
        # Episodes held out with a smaller share are among those held out with a larger one.
        settings["held_out_share"] = min(shares)
        settings["columns"] = {
            scale: [column.model_dump() for column in generated_columns(config, at(domain, scale))]
            for scale, _ in compared
        }
    return canonical_json(settings)


def mask_scales_code(config: Config, domain: str) -> str:
    """The version of the code that `compare_masks` runs: with the masks, where it runs them."""
    names = ["mocoda.stages.compare_masks"]
    if without_truth(domain):
        names.append(f"mocoda.domains.{domain}")
        names += [MASKS[kind].settings.__module__ for _, kind in mask_scales(config, domain)]
    return code_version(*names)


def at(domain: str, scale: str) -> SimpleNamespace:
    """What the functions of `mocoda.workflow` take as wildcards."""
    return SimpleNamespace(domain=domain, scale=scale)


def data_seeds(config: Config, domain: str, scale: str) -> list[int]:
    """Seeds of a scale that have data of their own."""
    section = config.domains[domain][scale]
    return list(section.seeds[:1] if section.shared_data else section.seeds)


def tables_of_masks(config: Config, domain: str) -> dict[str, list[str]]:
    """The files that `compare_masks` reads, of each of its scales: their tables, and what its
    measures are taken from where no truth is known."""
    compared = mask_scales(config, domain)
    folders = [f"results/{domain}/{scale}" for scale, _ in compared]
    found = {"tables": [f"{folder}/tables.csv" for folder in folders]}
    if DOMAINS[domain].true_dynamics is not None:
        found["validity"] = [f"{folder}/validity.csv" for folder in folders]
    if not without_truth(domain):
        found["quality"] = [f"{folder}/mask_quality.csv" for folder in folders]
        return found
    for scale, kind in compared:
        for seed in data_seeds(config, domain, scale):
            for name, file in files_of_seed(config, domain, scale, kind).items():
                folder = DATA.format(domain=domain, scale=scale, seed=seed)
                found.setdefault(name, []).extend(f"{folder}/{part}" for part in file)
        oracle = oracle_files(config, at(domain, scale), ("store", "manifest"))
        for name, path in oracle.items():
            found.setdefault(name, []).append(path)
    return found


def files_of_seed(
    config: Config, domain: str, scale: str, kind: str
) -> Mapping[str, tuple[str, ...]]:
    """Files below the data of a seed that are measured where no truth is known: lists with an entry
    a model of the dynamics, or a generated data set."""
    models = table_dynamics(config, at(domain, scale))
    columns = [generated_files(column) for column in generated_columns(config, at(domain, scale))]
    found: dict[str, tuple[str, ...]] = {
        "store": ("empirical/store",),
        "manifest": ("empirical/manifest.json",),
        "mask": (f"mask/{kind}/mask.safetensors",),
        "mask_card": (f"mask/{kind}/card.json",),
    }
    # Where the true dynamics are known, the tables have the models' errors already.
    if DOMAINS[domain].true_dynamics is None:
        found["dynamics_cards"] = tuple(f"dynamics/{name}/card.json" for name in models)
        found["errors"] = tuple(f"report/{name}/errors.json" for name in models)
    for name in ("augmented_store", "augmented_manifest", "selection"):
        found[f"{name}s"] = tuple(file[name] for file in columns)
    return found
