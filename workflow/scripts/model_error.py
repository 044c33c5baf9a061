from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.model_error import model_error

snakemake: Snakemake
run_job(snakemake, model_error)
