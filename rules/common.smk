# What all rules share: paths, and the settings and code that a job depends on. Snakemake sees
# neither unused settings nor imported modules, so each rule carries exactly its own as parameters.
from mocoda import workflow as paths

DATA = paths.DATA
RESULTS = paths.RESULTS
RUN = paths.RUN


def settings_of(stage):
    return lambda wildcards: paths.stage_settings(CONFIG, stage, wildcards)


def code_of(stage):
    return lambda wildcards: paths.stage_code(CONFIG, stage, wildcards)


def data_of(path):
    """A path below the data of the seed that an agent's seed learns from."""
    return lambda wildcards: (DATA + path).format(
        **{**dict(wildcards.items()), "seed": paths.data_seed(CONFIG, wildcards)}
    )
