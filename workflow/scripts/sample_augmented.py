from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.sample_augmented import sample_augmented

snakemake: Snakemake
run_job(snakemake, sample_augmented)
