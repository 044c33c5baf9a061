from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.validation_loss import validation_loss

snakemake: Snakemake
run_job(snakemake, validation_loss)
