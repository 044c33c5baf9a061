# mocoda: from logged transitions to tables. One rule file a stage, named like the stage.
#
#   snakemake --cores 8 results/hooksweep2/tables.csv        the default scale
#   snakemake --cores 8 results/hooksweep2/smoke/tables.csv  any other scale, in folders of its own
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from mocoda.agents import AGENTS
from mocoda.augmentation import AUGMENTATION
from mocoda.config import ConfigError, load
from mocoda.distributions import DISTRIBUTIONS
from mocoda.dynamics import DYNAMICS
from mocoda.masks import MASKS

min_version("9.10")


# The configuration lies beside this file, wherever the run's folder is (--directory).
configfile: str(Path(str(workflow.current_basedir)) / "config.yaml")


try:
    CONFIG = load(config)
except ConfigError as error:
    raise WorkflowError(str(error))


wildcard_constraints:
    domain="|".join(CONFIG.domains),
    scale="|".join(
        sorted({scale for scales in CONFIG.domains.values() for scale in scales})
    ),
    dynamics="|".join(["none", *DYNAMICS]),
    mask="|".join(MASKS),
    augmentation="|".join(AUGMENTATION),
    distribution="|".join(DISTRIBUTIONS),
    agent="|".join(AGENTS),
    seed=r"\d+",


include: "rules/common.smk"
include: "rules/collect_empirical.smk"
include: "rules/collect_oracle.smk"
include: "rules/fit_mask.smk"
include: "rules/fit_gmm_parents.smk"
include: "rules/train_dynamics.smk"
include: "rules/sample_augmented.smk"
include: "rules/rebalance.smk"
include: "rules/train_offline_agent.smk"
include: "rules/evaluate.smk"
include: "rules/model_error.smk"
include: "rules/validity.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/film.smk"
include: "rules/masks.smk"
include: "rules/ablations.smk"


rule all:
    default_target: True
    input:
        expand("results/{domain}/tables.csv", domain=CONFIG.domains),
