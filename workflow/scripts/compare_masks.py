from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.compare_masks import compare_masks

snakemake: Snakemake
run_job(snakemake, compare_masks)
