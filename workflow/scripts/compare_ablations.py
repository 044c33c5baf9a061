from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.compare_ablations import compare_ablations

snakemake: Snakemake
run_job(snakemake, compare_ablations)
